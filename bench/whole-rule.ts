/**
 * The whole rule, simulated: how many requests until a candidate is promoted or rolled back by itself, and how many of them it
 * answered. Every event goes through the evidence as in production, over several partitions.
 *
 *   npx tsx --conditions teststrip-source bench/whole-rule.ts [runs=20] [partitions=4]
 */
import {
  analyse,
  type Evidence,
  evidenceDesign,
  foldEvent,
  hashUnit,
  initialEvidence,
  mergeEvidence,
} from '#libs/evidence';
import { type Behaviour, definition, SimulatedTraffic } from '../libs/evidence/test/simulated-traffic.js';

const LADDER_PPM = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];
const MOST_REQUESTS = 80_000;
const EVENTS_BETWEEN_ANALYSES = 40;

interface Ending {
  readonly outcome: string;
  readonly requests: number;
  readonly exposed: number;
}

const scenarios: Readonly<Record<string, Behaviour>> = {
  identical: {},
  '20 % cheaper': { costFactor: 0.8 },
  'alignment -3.3 %': { alignment: 0.29 },
  'alignment -10 %': { alignment: 0.27 },
  '5 % wrong pictures': { wrongShare: 0.05 },
  '20 % wrong pictures': { wrongShare: 0.2 },
  'latency +30 %': { latencyFactor: 1.3 },
  'latency x2': { latencyFactor: 2 },
  'errors 2.5 %': { errorRate: 0.025 },
  'errors 3 %': { errorRate: 0.03 },
  'errors 10 %': { errorRate: 0.1 },
  'cost +15 %': { costFactor: 1.15 },
};

const runs = Number(process.argv[2] ?? 20);
const partitions = Number(process.argv[3] ?? 4);
console.log(`${runs} runs, ${partitions} partitions; requests / of them shown the candidate (means)`);
for (const [name, candidate] of Object.entries(scenarios)) {
  const cells = [10_000, 50_000].map((fromPpm) => summarise(fromPpm, candidate));
  console.log(`${name.padEnd(20)} from 1 %: ${cells[0]}   from 5 %: ${cells[1]}`);
}

function summarise(fromPpm: number, candidate: Behaviour): string {
  const endings = Array.from({ length: runs }, (_, seed) => play(seed + 1, fromPpm, candidate));
  const mean = (of: (ending: Ending) => number): number =>
    Math.round(endings.reduce((sum, ending) => sum + of(ending), 0) / runs);
  const outcomes = new Map<string, number>();
  for (const { outcome } of endings) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const told = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(', ');
  return `${mean(({ requests }) => requests)} / ${mean(({ exposed }) => exposed)} (${told})`.padEnd(60);
}

function play(seed: number, fromPpm: number, candidate: Behaviour): Ending {
  const ladder = LADDER_PPM.filter((ppm) => ppm >= fromPpm);
  const stages = ladder.map((weightPpm) => ({ weightPpm, atLeastMs: 0, atLeastUnits: 0, approval: 'none' as const }));
  const design = evidenceDesign(definition({ ramp: { kind: 'auto', stages }, unit: 'request' }), partitions);
  const traffic = new SimulatedTraffic(seed, { candidate });
  traffic.candidateShare = fromPpm / 1e6;
  const parts = new Map<string, Evidence>();
  let sinceAnalysis = 0;
  for (let requests = 1; requests <= MOST_REQUESTS; requests++) {
    const events = traffic.next();
    for (const event of events) {
      const part = `${event.type}/${hashUnit(event.subject) % partitions}`;
      const evidence = parts.get(part) ?? initialEvidence(design);
      parts.set(part, evidence);
      foldEvent(evidence, design, event);
    }
    sinceAnalysis += 1;
    const isCandidate = events[0]?.data.assignment?.variant === 'candidate';
    if (sinceAnalysis < EVENTS_BETWEEN_ANALYSES && !(isCandidate && traffic.candidateShare < 0.1)) continue;
    sinceAnalysis = 0;
    const analysis = analyse(mergeAll([...parts.values()]), design, 0);
    const guarded = analysis.metrics.filter(({ role }) => role === 'guardrail');
    const harmful = guarded.find(({ verdict }) => verdict === 'harmful');
    if (harmful) return { outcome: `rolled back on ${harmful.metric}`, requests, exposed: traffic.sent.candidate };
    const shares = guarded.map(({ budget }) =>
      budget.filter((step) => step.nonInferior).map(({ sharePpm }) => sharePpm),
    );
    const proven = ladder.filter((ppm) => shares.every((of) => of.includes(ppm))).at(-1) ?? 0;
    if (proven === 1_000_000) return { outcome: 'promoted', requests, exposed: traffic.sent.candidate };
    if (proven / 1e6 > traffic.candidateShare) traffic.rampTo(proven / 1e6);
  }
  return { outcome: 'undecided', requests: MOST_REQUESTS, exposed: traffic.sent.candidate };
}

function mergeAll([first, ...others]: readonly Evidence[]): Evidence {
  return others.reduce((sum, part) => mergeEvidence(sum, part), first as Evidence);
}
