import type { Guardrail, OwnMetric } from '#libs/contracts';
import { analyse, type Evidence, foldEvent, initialEvidence, mergeEvidence, type RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;
const FACES: OwnMetric = {
  name: 'faces',
  topic: 'image.scored.v1',
  path: 'quality.face',
  kind: 'mean',
  level: null,
  per: null,
  direction: 'higher',
  unit: '',
  margin: null,
  bounds: null,
};
/** Scores of faces: control's mean and both variants' spread. Those below the limit get lost where they do. */
const MEAN = 0.8;
const SPREAD = 0.1;
const LOST_BELOW = 0.7;
/** With its bad scores lost, a candidate that is worse by this much has the mean of control: +.1·φ(½)/Φ(½) = .051. */
const HIDDEN_HARM = 0.05;
const REPORTS_LOST = 0.2;

interface Plan {
  readonly share: number;
  /** Whether the candidate alone loses its bad scores, and is worse by what that hides. */
  readonly isCandidateAlone: boolean;
}

/**
 * Values that get lost where they are bad. In both variants alike: whatever is missing, no guardrail may be held for it, nor be harmful. In the
 * candidate alone, which is worse than the margin and whose survivors look like control: nothing may be proven, and by the end the gap has to be found.
 */
export const survivors: readonly RealTrafficRow[] = [0.5, 0.05].flatMap((share) => [
  row(`bad scores and a fifth of the reports lost in both variants, ${share * 100} %`, {
    share,
    isCandidateAlone: false,
  }),
  row(`bad scores lost in the candidate alone, ${share * 100} %`, { share, isCandidateAlone: true }),
]);

function row(name: string, plan: Plan): RealTrafficRow {
  return { name, run: (requests, random) => play(plan, requests, random) };
}

function play(plan: Plan, requests: number, random: SimulationRandom): Readonly<Record<string, boolean>> {
  const guardrails = [relative('faces', 0.02), relative('cost-per-image', 0.05)];
  const design = judgedDesign(definition({ guardrails, metrics: [FACES], unit: 'request' }));
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()));
  traffic.candidateShare = plan.share;
  const parts = new Map<string, Evidence>();
  const seen = { isHeld: false, isHarmful: false, isProven: false, isFound: false };
  for (let request = 1; request <= requests; request++) {
    for (const event of traffic.next()) {
      const arrived = arriving(event, plan, random);
      if (arrived === null) continue;
      const part = parts.get(event.type) ?? initialEvidence(design, event.type);
      parts.set(event.type, part);
      foldEvent(part, design, arrived);
    }
    if (request % LOOK_EVERY !== 0) continue;
    const { metrics } = analyse([...parts.values()].reduce(mergeEvidence), design, traffic.atMs);
    for (const { metric, role, verdict, reason } of metrics) {
      if (role !== 'guardrail') continue;
      if (reason === 'missing-more-often') seen.isHeld = true;
      if (verdict === 'harmful') seen.isHarmful = true;
      if (metric !== 'faces') continue;
      if (verdict === 'non-inferior' || verdict === 'superior') seen.isProven = true;
      if (reason === 'missing-more-often' || verdict === 'harmful') seen.isFound = true;
    }
  }
  return plan.isCandidateAlone
    ? { 'faces: non-inferior or superior': seen.isProven, 'faces: nothing found by the end': !seen.isFound }
    : { 'missing-more-often': seen.isHeld, harmful: seen.isHarmful };
}

function relative(metric: string, value: number): Guardrail {
  return { metric, margin: { kind: 'relative', value }, rollbackOn: 'beyond-margin' };
}

/** The event as it arrives; null: it gets lost. */
function arriving(event: RequestEvent, plan: Plan, random: SimulationRandom): RequestEvent | null {
  const isCandidate = event.data.assignment?.variant === 'candidate';
  if (event.type === 'generation.completed.v1') {
    return !plan.isCandidateAlone && random.uniform() < REPORTS_LOST ? null : event;
  }
  if (event.type !== 'image.scored.v1') return event;
  const isWorse = plan.isCandidateAlone && isCandidate;
  const face = MEAN - (isWorse ? HIDDEN_HARM : 0) + SPREAD * random.normal();
  const isLost = face < LOST_BELOW && (isCandidate || !plan.isCandidateAlone);
  return { ...event, data: { ...event.data, quality: isLost ? {} : { face } } };
}
