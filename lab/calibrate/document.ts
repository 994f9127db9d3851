import { USUAL_REACH } from '#libs/statistics';
import { type Cell, cellId, designNames, type ShareName, shareNames, type Truth } from './cells.js';
import { comparisons, NEAREST_PEER, pairsBesideUnits } from './beside-growthbook.js';
import { designs } from './designs.js';
import { meaningOf, standingOf, type Standing } from './methods.js';
import { detectionPlot, exposurePlot, falseAlarmPlot } from './plots.js';
import {
  alphaOf,
  type ErrorRate,
  errorRates,
  exceeds,
  type KnownCell,
  knownCells,
  standardError,
  STANDINGS,
} from './rates.js';
import { ALPHA, type Decided, type MethodResult, PEER_EVENTS } from './run-cell.js';
import { shapeNames, valueShapes } from './shapes.js';
import type { StoredResults } from './stored-results.js';
import { allRealTraffic, allTasks, type CanaryResult, type CanaryTask, OUR_RULE, START_PPM, taskId } from './tasks.js';

const PLOTS = { rates: 'false-alarms.svg', detection: 'events-to-detect.svg', exposure: 'exposed.svg' } as const;

const STANDING_TEXTS: Readonly<Record<Standing, string>> = {
  decides: 'decides',
  'does not decide': 'is shown or warns',
  peer: "a peer's rule",
};

/** The files of the document by name: the text and its plots. A function of the results alone. */
export function calibrationDocument(stored: StoredResults): ReadonlyMap<string, string> {
  const cells = knownCells(stored);
  const rates = errorRates(cells);
  const canaries = knownCanaries(stored);
  const text = [
    introduction(stored, cells, canaries.length + knownRealTraffic(stored).length),
    howToRead(stored),
    overview(rates),
    whatFails(rates),
    power(cells),
    besideGrowthbook(cells, rates),
    proofs(cells),
    wholeRule(canaries),
    realTraffic(stored),
    allRates(cells),
  ].join('\n\n');
  return new Map([
    ['calibration.md', `${text}\n`],
    [PLOTS.rates, falseAlarmPlot(rates)],
    [PLOTS.detection, detectionPlot(cells)],
    [PLOTS.exposure, exposurePlot(canaries.map(({ task, result }) => ({ ...task, result })))],
  ]);
}

interface KnownCanary {
  readonly task: CanaryTask;
  readonly result: CanaryResult;
}

function knownCanaries({ results }: StoredResults): readonly KnownCanary[] {
  return allTasks().flatMap((task) => {
    const result = results[taskId(task)];
    return task.kind === 'canary' && result && 'rules' in result ? [{ task, result }] : [];
  });
}

function introduction(
  { extent, seconds, workers }: StoredResults,
  cells: readonly KnownCell[],
  others: number,
): string {
  const tasks = allTasks().length;
  const simulated = cells.reduce((sum, { result }) => sum + result.runs * result.events, 0);
  const isPartial = cells.length + others < tasks;
  return [
    '# Calibration',
    `Every method that decides, and the rules of other systems beside it, on simulated traffic where the truth is known. Written by \`npm run calibrate\`; edit the code, not this page. \`npm run calibrate -- --render\` writes it again from \`calibration.json\`, \`--only\` simulates a part.`,
    `- ${isPartial ? `**Partial: ${cells.length + others} of ${tasks} tasks.** ` : ''}Seed ${extent.seed}; ${number(extent.runs)} runs per cell of ${number(extent.events)} events each; cells of the peers ${number(Math.ceil(extent.runs / 5))} runs of ${number(PEER_EVENTS)} events, cells of harm ${number(Math.ceil(extent.runs / 2))} runs of up to ${number(PEER_EVENTS)}.`,
    `- ${cells.length} cells, up to ${Math.round(simulated / 1e6).toLocaleString('en')} million events; ${others} candidates and starts by the whole rule and situations of real traffic, ${number(Math.ceil(extent.runs / 10))} canaries each, ${number(Math.ceil(extent.runs / 40))} under the peers' rules. ${Math.round(seconds / 60)} minutes on ${workers} threads.`,
    `- The figures follow from seed, runs and events alone, whatever the number of threads. Every decision is at α = ${ALPHA}, the sample ratio at .001.`,
  ].join('\n\n');
}

function howToRead({ extent }: StoredResults): string {
  const error = standardError(ALPHA, extent.runs);
  return [
    '## How to read this',
    `A rate is the share of runs in which a method ever took a wrong decision, looked at after every event (at shares up to 10 % betting is looked at after every event of the candidate and every eighth of control, which hardly move it; peers: at their own interval). It stands beside its binomial standard error. A method keeps its promise if the rate is at most α = .05; with ${number(extent.runs)} runs a rate of exactly .05 is measured as .05 ± ${short(error)}, so ${short(ALPHA + 2 * error)} is still consistent with it, and one above is marked **⚠**. One in fifty honest rates would be marked by chance. Rates far below α are no merit by themselves: they are the price of looking after every event, and small shares give few chances to be wrong.`,
    `Two truths are simulated. **No effect**: a rollback is wrong, and so is "superior" (the boundary at 0); a promotion is right. **At the margin**: the candidate is worse by exactly the margin, so that "harmful" and "non-inferior" are both wrong, each with probability α at most; this is where a method that misjudges variances or shapes shows it. Cells are written harmful / non-inferior; *n/a* says that the method has nothing to say there, or that its boundary lies elsewhere.`,
    `Traffic: the candidate's share is constant or climbs 1 → 5 → 10 → 25 → 50 % in five equal stages; with *drift* both variants' values rise by half a standard deviation over the run (in 20 steps), while the ramp climbs; *several per user*: users are randomised, make five generations on average, and half of the variance is the user's own. Our methods take a unit's first value (bad events: the first bad one), the peers' rules take every generation for a unit, as they would in practice. Control's first 250 units, before the run, fix bounds and relative margins. Betting compares means of values clipped to nested bounds of ${USUAL_REACH}, 12 and 40 of control's standard deviations around its recent mean, further out where a variant spreads further; the boundary is laid where those within the widest differ by exactly the margin (for the peers, where they do within the narrowest: their plain means then differ from it by a standard error at most). **The stored cells of betting on *lognormal*, *bounded*, *spread-doubled* and *other-shape* are of the narrowest bounds alone, from before they were nested, and have to be simulated anew**; means within nested bounds stand under real traffic.`,
    `Peers are told the margin where they can use one. Kayenta, PipeCD, Flagger and Argo Rollouts promise no error rate; they are held against α nevertheless, because whoever operates them has to know how often they err. They act once, and cells with peers last ${number(PEER_EVENTS)} events, their hour.`,
    'What needs more of a unit than one value (pairs, covariates, ratios, votes) stands at the end, each in a simulation of its own. Shapes of the others:',
    ...shapeNames.map((name) => `- **${name}**: ${valueShapes[name].description}. Harm: ${valueShapes[name].harm}.`),
  ].join('\n\n');
}

function overview(rates: readonly ErrorRate[]): string {
  const names = [...new Set(rates.map(({ method }) => method))];
  const rows = names.map((name) => {
    const own = rates.filter(({ method }) => method === name);
    const worst = own.reduce((a, b) => (b.rate > a.rate ? b : a));
    const tooHigh = own.filter(({ isTooHigh }) => isTooHigh).length;
    return [
      name,
      STANDING_TEXTS[worst.standing],
      `${own.length}`,
      rateText(worst.rate, worst.runs, worst.alpha),
      `${worst.decision}, ${placeOf(worst.cell)}`,
      tooHigh === 0 ? '0' : `**${tooHigh}**`,
    ];
  });
  return [
    '## At a glance',
    `![False-alarm rates by method and share](${PLOTS.rates})`,
    table(['method', 'standing', 'rates', 'largest', 'where', 'above α + 2 SE'], rows),
  ].join('\n\n');
}

function whatFails(rates: readonly ErrorRate[]): string {
  const deciding = rates.filter(({ standing }) => standing === 'decides');
  const failing = deciding.filter(({ isTooHigh }) => isTooHigh).sort((a, b) => b.rate - a.rate);
  const shown = rates.filter(({ standing, isTooHigh }) => standing === 'does not decide' && isTooHigh);
  const peers = rates.filter(({ standing }) => standing === 'peer');
  return [
    '## What fails',
    failing.length === 0
      ? `Of ${deciding.length} rates of methods that decide, none exceeds its α by more than two standard errors; the largest is ${largest(deciding)}.`
      : [
          `Of ${deciding.length} rates of methods that decide, ${failing.length} exceed their α by more than two standard errors (by chance alone up to ${Math.ceil(0.023 * deciding.length)} would, if all rates were exactly α):`,
          ...failing.map(
            ({ method, decision, cell, rate, runs, alpha }) =>
              `- ⚠ ${method}, ${decision}: ${rateText(rate, runs, alpha)} (${placeOf(cell)})`,
          ),
        ].join('\n'),
    `Of what is only shown or warns, ${shown.length} rates exceed α: ${shown.length === 0 ? 'none' : [...new Set(shown.map(({ method }) => method))].join(', ')}. Such numbers are for the eye and decide nothing.`,
    `Of the peers' rates, ${aboveText(peers)} exceed α; of those without any effect, ${aboveText(peers.filter(({ cell }) => cell.truth === 'no-effect'))}. At the margin the others either know no margin (GrowthBook's safe rollout, PipeCD), or promote when their time is over without a proof (all but GrowthBook's sequential test).`,
  ].join('\n\n');
}

function aboveText(rates: readonly ErrorRate[]): string {
  return `${rates.filter(({ isTooHigh }) => isTooHigh).length} of ${rates.length}`;
}

function largest(rates: readonly ErrorRate[]): string {
  const first = rates[0];
  if (!first) return 'none yet';
  const worst = rates.reduce((a, b) => (b.rate / b.alpha > a.rate / a.alpha ? b : a), first);
  return `${rateText(worst.rate, worst.runs, worst.alpha)} (${worst.method}, ${worst.decision}, ${placeOf(worst.cell)})`;
}

function power(cells: readonly KnownCell[]): string {
  return [
    '## Events until harm is found',
    `![Events until harm is found](${PLOTS.detection})`,
    `Median and mean of the events of both variants (runs without a detection count with all ${number(PEER_EVENTS)}), and the share of runs that found it where it is not all. "Promoted": the share of runs in which the harmful candidate was let through. GrowthBook's safe rollout, PipeCD and any rule at 0 are quicker because they also roll back candidates that are worse by less than the margin: see their rates at the margin below.`,
    ...shapeNames.map((shape) => {
      const rows = methodRows(
        cells,
        (cell) => cell.kind === 'metric' && cell.truth === 'harm' && cell.shape === shape,
        detected,
      );
      return rows.length === 0
        ? `### ${shape}: not simulated`
        : `### ${shape}: ${valueShapes[shape].harm}\n\n${table(['method', ...shareNames], rows)}`;
    }),
  ].join('\n\n');
}

function besideGrowthbook(cells: readonly KnownCell[], rates: readonly ErrorRate[]): string {
  const all = comparisons(cells, rates);
  const kept = all.filter(({ keepsAlpha }) => keepsAlpha);
  const median = (after: number | null): string => (after === null ? `over ${number(PEER_EVENTS)}` : number(after));
  const more = kept.filter(({ ours, peers }) => (ours ?? Infinity) > (peers ?? Infinity));
  const pairs = pairsBesideUnits(cells);
  return [
    `### Beside ${NEAREST_PEER}`,
    `The one peer whose promise is ours. Median events until harm is found by betting and by it, with the peer's largest error rate at the same shape and share (stationary, one per unit, no effect and at the margin). Where it keeps its α (${kept.length} of ${all.length}) betting takes ${more.length === 0 ? 'no more events in any of them' : `more events in ${more.length}`}; elsewhere its figure is bought with false decisions.`,
    table(
      ['shape', 'share', 'betting', NEAREST_PEER, 'betting ÷ it', 'its largest error rate', 'keeps α'],
      all.map(({ shape, share, ours, peers, largestRate: { rate, runs, alpha, decision }, keepsAlpha }) => [
        shape,
        share,
        median(ours),
        median(peers),
        ours === null || peers === null ? '' : (ours / peers).toFixed(2),
        `${rateText(rate, runs, alpha)}, ${decision}`,
        keepsAlpha ? 'yes' : 'no',
      ]),
    ),
    ...(pairs === null
      ? []
      : [
          `Pairs (shadow traffic) find the harm of *bounded* after ${number(pairs.pairs)} pairs, single units at an even split after ${number(pairs.units)}: ${(pairs.pairs / pairs.units).toFixed(2)} of them.`,
        ]),
  ].join('\n\n');
}

function detected({ harmful, nonInferior }: MethodResult, { result: { runs } }: KnownCell): string {
  const promoted = (nonInferior?.count ?? 0) / runs;
  return `${events(harmful, runs)}${promoted === 0 ? '' : `; promoted ${percent(promoted)}`}`;
}

function proofs(cells: readonly KnownCell[]): string {
  return [
    '## Events until an equal candidate is proven non-inferior',
    `No effect, stationary, one generation per unit, at the full margin (the damage budget asks for less while the share is small). Median and mean events of both variants, and the share of runs that got there within the cell's length. Peers that promote when their time is over prove nothing; their figure is that time.`,
    ...shapeNames.map((shape) => {
      const rows = methodRows(
        cells,
        (cell) =>
          cell.kind === 'metric' &&
          cell.truth === 'no-effect' &&
          cell.shape === shape &&
          !cell.isDrifting &&
          !cell.isClustered,
        ({ method, nonInferior }, { cell, result }) =>
          meaningOf(cell, method).nonInferior === 'right' ? events(nonInferior, result.runs) : 'n/a',
      ).filter((row) => row.slice(1).some((text) => text !== 'n/a'));
      return `### ${shape}\n\n${table(['method', ...shareNames], rows)}`;
    }),
  ].join('\n\n');
}

function wholeRule(canaries: readonly KnownCanary[]): string {
  const names = [...new Set(canaries.map(({ task }) => task.candidate))];
  const resultOf = (name: string, fromPpm: number): CanaryResult | undefined =>
    canaries.find(({ task }) => task.candidate === name && task.fromPpm === fromPpm)?.result;
  const peers = [...new Set(canaries.flatMap(({ result }) => result.rules.map(({ rule }) => rule)))].filter(
    (rule) => rule !== OUR_RULE,
  );
  return [
    '## The whole rule',
    `![Requests shown the candidate](${PLOTS.exposure})`,
    'One request per unit; guardrails: errors 1 % with margin +.5 points, latency p95 (σ = .3) with margin +10 %, alignment .30 ± .035 with margin −1 %, wrong pictures × 1.5, cost with margin +5 %. Harm of any rolls back; the share rises to the largest of 1, 2, 5, 10, 20, 50, 100 % for which harm of margin ÷ share is excluded on all of them; proof at 100 % promotes; 80,000 requests at most. Written as outcome; mean requests / of them shown the candidate. The decider that ships decides. The simulation folds the same numbers through the same statistics as the evidence does on one partition, without building events; a test holds the two against each other, command by command, on many kinds of streams.',
    table(
      ['candidate', ...START_PPM.map((ppm) => `Teststrip, ramp from ${ppm / 10_000} %`)],
      names.map((name) => [name, ...START_PPM.map((ppm) => endingOf(OUR_RULE, resultOf(name, ppm)))]),
    ),
    ...START_PPM.map((ppm) =>
      [
        `The peers' rules on the same requests at a constant ${ppm / 10_000} %, one run of the rule for each of errors, latency, alignment and cost (means); any rollback rolls back, all promotions promote:`,
        table(
          ['candidate', ...peers],
          names.map((name) => [name, ...peers.map((rule) => endingOf(rule, resultOf(name, ppm)))]),
        ),
      ].join('\n\n'),
    ),
  ].join('\n\n');
}

function endingOf(rule: string, result: CanaryResult | undefined): string {
  const ending = result?.rules.find((entry) => entry.rule === rule);
  if (!ending) return 'not simulated';
  const undecided = ending.runs - ending.promoted - ending.rolledBack;
  const outcomes = [
    [ending.promoted, 'promoted'],
    [ending.rolledBack, 'rolled back'],
    [undecided, 'undecided'],
  ] as const;
  const told = outcomes
    .filter(([times]) => times > 0)
    .map(([times, outcome]) => (times === ending.runs ? outcome : `${outcome} ${percent(times / ending.runs)}`))
    .join(', ');
  return `${told}; ${number(ending.requests.mean)} / ${number(ending.exposed.mean)}`;
}

function knownRealTraffic({ results }: StoredResults) {
  return allRealTraffic().flatMap((task) => {
    const result = results[taskId(task)];
    return result && 'wrong' in result ? [{ task, result }] : [];
  });
}

function shareOfRuns(count: number | undefined, runs: number): string {
  if (count === undefined) return '–';
  const rate = count / runs;
  return `${short(rate)} ± ${short(standardError(rate, runs))}${exceeds(rate, runs, ALPHA) ? ' **⚠**' : ''}`;
}

function realTraffic(stored: StoredResults): string {
  return [
    '## Real traffic',
    `Situations that the cells above do not contain, through the evidence or the methods that ship, looked at while they come. Shown is the share of runs that ever took a decision which is wrong in the situation, at α = ${ALPHA}. **The rows of latency are of rules before [a long queue counted as one event](../../docs/adr/0047-a-long-queue-is-one-event.md) and [evidence counted for less where tails are unlike](../../docs/adr/0097-evidence-counts-for-less-where-tails-are-unlike.md), and have to be simulated anew; the rows of unlike shapes are of today’s.**`,
    table(
      ['situation', 'runs of requests', 'wrong decisions'],
      knownRealTraffic(stored).map(({ task, result: { runs, requests, wrong } }) => [
        task.name,
        `${number(runs)} of ${number(requests)}`,
        Object.entries(wrong)
          .map(([decision, count]) => `${decision} ${shareOfRuns(count, runs)}`)
          .join(' · '),
      ]),
    ),
  ].join('\n\n');
}

const SITUATIONS = [false, true].flatMap((isClustered) =>
  [false, true].map((isDrifting) => ({ isClustered, isDrifting })),
);

function allRates(cells: readonly KnownCell[]): string {
  return [
    '## All error rates',
    'Harmful / non-inferior, each ± its standard error.',
    ...metricSections(cells),
    ...designSections(cells),
    `### Sample ratio, α = .001\n\n${table(['split', ...shareNames], splitRows(cells))}`,
  ].join('\n\n');
}

function metricSections(cells: readonly KnownCell[]): readonly string[] {
  const truths: readonly Truth[] = ['no-effect', 'at-margin', 'at-rate-ratio', 'at-tail-margin', 'at-lower-tail-ratio'];
  return shapeNames.flatMap((shape) =>
    truths.flatMap((truth) => {
      const rows = SITUATIONS.flatMap(({ isClustered, isDrifting }) =>
        methodRows(
          cells,
          (cell) =>
            cell.kind === 'metric' &&
            cell.shape === shape &&
            cell.truth === truth &&
            cell.isClustered === isClustered &&
            cell.isDrifting === isDrifting,
          wrongRates,
        ).map(([method, ...others]) => [situationOf({ isClustered, isDrifting }), method as string, ...others]),
      );
      if (rows.length === 0) return [];
      return [`### ${shape}, ${TRUTHS[truth]}\n\n${table(['traffic', 'method', ...shareNames], rows)}`];
    }),
  );
}

function splitRows(cells: readonly KnownCell[]): readonly (readonly string[])[] {
  return [false, true].flatMap((isClustered) => {
    const of = (truth: 'as-ordered' | 'off') =>
      shareNames.map((share) => {
        const known = cells.find(
          ({ cell }) =>
            cell.kind === 'split' && cell.truth === truth && cell.share === share && cell.isClustered === isClustered,
        );
        const method = known?.result.methods[0];
        if (!known || !method) return 'not simulated';
        return truth === 'as-ordered' ? wrongRates(method, known) : events(method.harmful, known.result.runs);
      });
    return [
      [`as ordered, ${isClustered ? 'several per user' : 'one per unit'}: false alarms`, ...of('as-ordered')],
      [`odds × 1.3, ${isClustered ? 'several per user' : 'one per unit'}: events until found`, ...of('off')],
    ];
  });
}

function designSections(cells: readonly KnownCell[]): readonly string[] {
  return designNames.flatMap((design) => {
    const of = (truth: string) => (cell: Cell) =>
      cell.kind === 'design' && cell.design === design && cell.truth === truth;
    const rows = [
      ...labelled('no effect', methodRows(cells, of('no-effect'), wrongRates)),
      ...labelled('at the margin', methodRows(cells, of('at-margin'), wrongRates)),
      ...labelled('events until harm is found', methodRows(cells, of('harm'), detected)),
      ...labelled(
        'no effect, events until non-inferior',
        methodRows(cells, of('no-effect'), ({ method, nonInferior }, { cell, result }) =>
          meaningOf(cell, method).nonInferior === 'right' ? events(nonInferior, result.runs) : 'n/a',
        ).slice(0, 1),
      ),
    ];
    return rows.length === 0
      ? []
      : [`### ${design}\n\n${designs[design].description}\n\n${table(['truth: method', ...shareNames], rows)}`];
  });
}

function labelled(label: string, rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return rows.map(([method, ...others]) => [`${label}: ${method}`, ...others]);
}

const TRUTHS: Readonly<Record<Truth, string>> = {
  'no-effect': 'no effect',
  'at-margin': 'worse by exactly the margin',
  'at-rate-ratio': 'bad events exactly 1.5 times as frequent',
  'at-tail-margin': 'every value exactly 1.25 times as large',
  'at-lower-tail-ratio': 'values in the lower tail exactly 1.5 times as frequent',
  harm: 'harmful',
};

function wrongRates({ method, harmful, nonInferior }: MethodResult, { cell, result: { runs } }: KnownCell): string {
  const meaning = meaningOf(cell, method);
  const of = (decided: Decided | null, what: 'wrong' | 'right' | 'none'): string =>
    what === 'wrong' && decided !== null ? rateText(decided.count / runs, runs, alphaOf(method)) : 'n/a';
  const ofHarmful = of(harmful, meaning.harmful);
  const ofNonInferior = of(nonInferior, meaning.nonInferior);
  return ofNonInferior === 'n/a' ? ofHarmful : `${ofHarmful} / ${ofNonInferior}`;
}

/** One row per method that has a cell among those chosen, one column per share. */
function methodRows(
  cells: readonly KnownCell[],
  isChosen: (cell: Cell) => boolean,
  textOf: (method: MethodResult, known: KnownCell) => string,
): readonly (readonly string[])[] {
  const chosen = cells.filter(({ cell }) => isChosen(cell));
  const names = [...new Set(chosen.flatMap(({ result }) => result.methods.map(({ method }) => method)))];
  return names
    .toSorted((a, b) => STANDINGS.indexOf(standingOf(a)) - STANDINGS.indexOf(standingOf(b)))
    .map((name) => [name, ...shareNames.map((share) => inShare(chosen, name, share, textOf))]);
}

function inShare(
  cells: readonly KnownCell[],
  name: string,
  share: ShareName,
  textOf: (method: MethodResult, known: KnownCell) => string,
): string {
  for (const known of cells) {
    if (known.cell.share !== share) continue;
    const method = known.result.methods.find((entry) => entry.method === name);
    if (method) return textOf(method, known);
  }
  return 'n/a';
}

function events(decided: Decided | null, runs: number): string {
  if (decided === null) return 'n/a';
  if (decided.count === 0) return 'never';
  const share = decided.count === runs ? '' : ` (${percent(decided.count / runs)})`;
  const median = decided.medianEvents === null ? '—' : number(decided.medianEvents);
  return `${median}, mean ${decided.count === runs ? '' : '≥ '}${number(decided.meanEvents)}${share}`;
}

function rateText(rate: number, runs: number, alpha: number): string {
  const text = `${short(rate)} ± ${short(standardError(rate, runs))}`;
  return exceeds(rate, runs, alpha) ? `**⚠ ${text}**` : text;
}

function placeOf(cell: Cell): string {
  return cellId(cell)
    .split('/')
    .slice(cell.kind === 'metric' ? 1 : 0)
    .join(', ');
}

function situationOf({
  isClustered,
  isDrifting,
}: {
  readonly isClustered: boolean;
  readonly isDrifting: boolean;
}): string {
  return `${isDrifting ? 'drift' : 'stationary'}, ${isClustered ? 'several per user' : 'one per unit'}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableLine(head), tableLine(head.map(() => '---')), ...rows.map(tableLine)].join('\n');
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Three decimals without the leading zero, as rates are usually written. */
function short(rate: number): string {
  return rate >= 0.9995 ? rate.toFixed(2) : rate.toFixed(3).slice(1);
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)} %`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}
