import type { Guardrail, PairsAnalysis } from '#libs/contracts';
import { analysePairs, type EvidenceDesign, foldEvent, initialEvidence, type RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { type Behaviour, definition, PairedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';
import { CONTROL_PODS, PodStalls } from './stalls.js';

/** Requests of control before the first copy, from which its baseline and the first limits of its tails are taken: few, so that both are rough. */
const CONTROL_BEFORE = 300;
/** A tenth of the requests are copied. */
const COPIED = 0.1;
/** Of twenty requests a second. */
const PAIRS_PER_SECOND = 2;
const CORRELATION = 0.7;
const LOOK_EVERY = 5;
const ERROR_MARGIN = 0.005;
const LATENCY_MARGIN = 0.1;
const ALIGNMENT_MARGIN = 0.01;
const COST_MARGIN = 0.05;

interface Situation {
  readonly name: string;
  readonly candidate: Behaviour;
  readonly rollbackOn: Guardrail['rollbackOn'];
  /** Whether pods stall now and then: control's twenty, and the candidate's one. */
  readonly stalls?: true;
  /** Decisions that are wrong here, of a guardrail. */
  readonly wrong: Readonly<Record<string, (metric: PairsAnalysis['metrics'][number]) => boolean>>;
}

const isHarmful = ({ verdict }: PairsAnalysis['metrics'][number]): boolean => verdict === 'harmful';
const isProven = ({ verdict }: PairsAnalysis['metrics'][number]): boolean =>
  verdict === 'non-inferior' || verdict === 'superior';
const opensFifth = ({ budget }: PairsAnalysis['metrics'][number]): boolean =>
  budget.some(({ sharePpm, nonInferior }) => sharePpm === 200_000 && nonInferior);

const situations: readonly Situation[] = [
  {
    name: 'pairs, an equal candidate, any harm',
    candidate: {},
    rollbackOn: 'any-harm',
    wrong: { harmful: isHarmful },
  },
  {
    name: 'pairs, an equal candidate on one pod, stalls of single pods, any harm',
    candidate: {},
    rollbackOn: 'any-harm',
    stalls: true,
    wrong: { harmful: isHarmful },
  },
  {
    name: 'pairs, a candidate worse by the margins',
    candidate: worseBy(1),
    rollbackOn: 'beyond-margin',
    wrong: { harmful: isHarmful, proven: isProven },
  },
  {
    name: 'pairs, a candidate worse by five times the margins',
    candidate: worseBy(5),
    rollbackOn: 'beyond-margin',
    wrong: { '20 % opened': opensFifth },
  },
];

/** Shadow traffic at the boundaries of its tests: of no difference, of the margin, and of the margin ÷ a fifth of the traffic. */
export const pairs: readonly RealTrafficRow[] = situations.map((situation) => ({
  name: situation.name,
  run: (requests, random) => play(situation, Math.ceil(COPIED * requests), random),
}));

/** Each guardrail exactly so many margins worse than control; wrong pictures are left equal, since their rate is no parameter. */
function worseBy(margins: number): Behaviour {
  return {
    errorRate: 0.01 + margins * ERROR_MARGIN,
    latencyFactor: 1 + margins * LATENCY_MARGIN,
    alignment: 0.3 * (1 - margins * ALIGNMENT_MARGIN),
    costFactor: 1 + margins * COST_MARGIN,
  };
}

function play(
  { candidate, rollbackOn, stalls, wrong }: Situation,
  count: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const design = shadowDesign(
    rollbackOn,
    rollbackOn === 'any-harm' ? [relativeGuardrail('wrong-pictures', 0.5, rollbackOn)] : [],
  );
  const seen = new Map<string, boolean>();
  const shadow = { design, candidate, controlBefore: CONTROL_BEFORE, count, lookEvery: LOOK_EVERY, stalls };
  playShadow(shadow, random, ({ metrics }) => {
    for (const metric of metrics) {
      for (const [decision, isTaken] of Object.entries(wrong)) {
        const key = `${metric.metric}: ${decision}`;
        seen.set(key, seen.get(key) === true || isTaken(metric));
      }
    }
    return true;
  });
  return Object.fromEntries(seen);
}

/** An experiment whose guardrails are those of the tables. */
export function shadowDesign(rollbackOn: Guardrail['rollbackOn'], others: readonly Guardrail[]): EvidenceDesign {
  const guardrails: Guardrail[] = [
    { metric: 'error-rate', margin: { kind: 'absolute', value: ERROR_MARGIN }, rollbackOn },
    relativeGuardrail('latency-p95', LATENCY_MARGIN, rollbackOn),
    relativeGuardrail('alignment', ALIGNMENT_MARGIN, rollbackOn),
    relativeGuardrail('cost-per-image', COST_MARGIN, rollbackOn),
    ...others,
  ];
  return judgedDesign(definition({ guardrails, unit: 'request' }));
}

export function relativeGuardrail(metric: string, value: number, rollbackOn: Guardrail['rollbackOn']): Guardrail {
  return { metric, margin: { kind: 'relative', value }, rollbackOn };
}

export interface Shadow {
  readonly design: EvidenceDesign;
  readonly candidate: Behaviour;
  /** Requests of control before the first copy. */
  readonly controlBefore: number;
  /** Pairs at most. */
  readonly count: number;
  readonly lookEvery: number;
  readonly stalls?: true | undefined;
}

/** Plays control's traffic and then pairs, all on one partition, of variants that are warm. @param look at what the pairs say; false ends the run. */
export function playShadow(
  { design, candidate, controlBefore, count, lookEvery, stalls }: Shadow,
  random: SimulationRandom,
  look: (analysis: PairsAnalysis, pairs: number) => boolean,
): void {
  const seed = Math.floor(2 ** 31 * random.uniform());
  const traffic = new PairedTraffic(seed, { candidate }, CORRELATION, PAIRS_PER_SECOND);
  const late = stalls ? stalledPods(random) : (event: RequestEvent) => event;
  const evidence = initialEvidence(design);
  for (let request = 0; request < controlBefore; request++)
    for (const event of traffic.alone()) foldEvent(evidence, design, late(event));
  for (let pair = 1; pair <= count; pair++) {
    const { original, copy } = traffic.pair();
    for (const event of [...original, ...copy]) foldEvent(evidence, design, late(event));
    if (pair % lookEvery !== 0) continue;
    const [analysis] = analysePairs(evidence, design);
    if (analysis !== undefined && !look(analysis, pair)) return;
  }
}

/** The event as it comes where the pod that its request meets may stall; requests come in the order of their time. */
function stalledPods(random: SimulationRandom): (event: RequestEvent) => RequestEvent {
  const control = Array.from({ length: CONTROL_PODS }, () => new PodStalls(random));
  const candidate = new PodStalls(random);
  return (event) => {
    if (event.type !== 'request.routed.v1' || event.data.durationMs === null) return event;
    const isCandidate = event.data.assignment?.variant === 'candidate';
    const pod = isCandidate ? candidate : (control[Math.floor(random.uniform() * CONTROL_PODS)] as PodStalls);
    const waitMs = pod.waitAt(Date.parse(event.data.startedAt));
    return { ...event, data: { ...event.data, durationMs: event.data.durationMs + waitMs } };
  };
}
