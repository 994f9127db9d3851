import { type Arm, initialLimit, type LimitEvidence, mergeLimits, observeLimit, quantile } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { MetricLimit } from '../catalogue/metric-limit.js';
import { type ControlTailLimit, initialControlTailLimit, observeControl } from '../kinds/control-tail-limit.js';
import { headName, qualityHeadMetric } from '../catalogue/picture-metrics.js';
import { addByArm, countOne } from '../kinds/arm-counts.js';
import { initialMetric, mergeMetric, type MetricEvidence, observeMetric } from '../kinds/metric-evidence.js';
import type { Observation } from '../kinds/method.js';
import type { MetricAtHand } from './unit-facts.js';
import { initialPresence, mergePresence, type Presence } from './presence.js';

/** Quality heads that are followed without having been named; more are left out. */
const MOST_HEADS = 16;

/** The evidence of one candidate against control, by metric. */
export interface PairEvidence {
  /** By the metric's name; nothing where nothing was observed yet. */
  readonly metrics: Map<string, MetricEvidence>;
  /** The same by the metric's place in the fold, as far as the fold has met them: a name costs a look-up per event and metric. */
  readonly atHand: (MetricEvidence | undefined)[];
  /** Quality heads the experiment doesn't name, as they were found in the scores. */
  readonly heads: Map<string, MetricEvidence>;
  /** What each variant's values alone say of a metric's absolute limit, by the metric's name. */
  readonly limits: Map<string, LimitsOfPair>;
  readonly presence: Presence;
  /** Where values are capped, by the name of each metric that is. */
  readonly caps: Map<string, ControlTailLimit>;
  /** Values that were left out while a variant started, by the metric's name. */
  readonly cold: Map<string, Record<Arm, number>>;
}

export type LimitsOfPair = Readonly<Record<Arm, LimitEvidence>>;

export function initialPair(): PairEvidence {
  return {
    metrics: new Map(),
    atHand: [],
    heads: new Map(),
    limits: new Map(),
    presence: initialPresence(),
    caps: new Map(),
    cold: new Map(),
  };
}

/** @returns whether it was the unit's bad event of the window. */
export function observeInPair(
  pair: PairEvidence,
  metric: MetricDesign,
  seen: Observation,
  baselineUnits: number,
): boolean {
  return observeMetric(stateOf(pair, metric), metric, observationIn(pair, metric, seen), baselineUnits);
}

/** The same where the metric is at hand. */
export function observeAt(
  { at, metric, observe }: MetricAtHand,
  pair: PairEvidence,
  seen: Observation,
  baselineUnits: number,
): boolean {
  const { atHand } = pair;
  let state = atHand[at];
  if (state === undefined) {
    state = stateOf(pair, metric);
    while (atHand.length < at) atHand.push(undefined);
    atHand[at] = state;
  }
  return observe(state, metric, observationIn(pair, metric, seen), baselineUnits) === true;
}

/** Folds a judgement of two pictures, which is about both variants and about nothing but itself. */
export function observeJudgement(
  pair: PairEvidence,
  metric: MetricDesign,
  judgement: Pick<Observation, 'value' | 'isFirst' | 'atMs'>,
  baselineUnits: number,
): void {
  observeInPair(pair, metric, { ...NOTHING_ELSE, ...judgement }, baselineUnits);
}

const NOTHING_ELSE = {
  known: 'value',
  arm: 'candidate',
  propensity: 0.5,
  isAtRisk: false,
  window: 0,
  promptClass: null,
  denominator: 1,
  before: null,
  picture: null,
} as const;

function stateOf({ metrics }: PairEvidence, metric: MetricDesign): MetricEvidence {
  const { name } = metric.definition;
  const known = metrics.get(name);
  if (known) return known;
  const fresh = initialMetric(metric);
  metrics.set(name, fresh);
  return fresh;
}

/** Holds the observation against the metric's limit. @returns what its method is to observe: with the value cut where the metric caps it. */
function observationIn({ limits, caps }: PairEvidence, metric: MetricDesign, seen: Observation): Observation {
  const { name, capAt } = metric.definition;
  if (metric.limit && tellsSide(seen, metric.limit.value)) observeInLimits(limits, name, metric.limit, seen);
  return capAt === undefined ? seen : capped(caps, name, capAt, seen);
}

/**
 * The observation with what is above control's recent quantile cut to it (winsorised): a limit that was fixed before the value came, the
 * same for both variants. Before there are enough values of control to have one, nothing is cut; nor where it is control's least value: of a control
 * that is always 0 everything the candidate has would be cut away.
 */
function capped(caps: PairEvidence['caps'], name: string, capAt: number, seen: Observation): Observation {
  let cap = caps.get(name);
  if (cap === undefined) {
    cap = initialControlTailLimit();
    caps.set(name, cap);
  }
  const { limit } = cap;
  if (seen.isFirst && seen.arm === 'control') {
    const past = observeControl(cap, seen.value, capAt);
    if (past !== null && cap.limit !== null && cap.limit <= (quantile(past, 0) ?? cap.limit)) cap.limit = null;
  }
  return limit !== null && seen.value > limit ? { ...seen, value: limit } : seen;
}

/** Whether it is known on which side of the limit the value lies. */
function tellsSide({ known, value }: Observation, limit: number): boolean {
  return known === 'value' || (known === 'more-than' && value > limit);
}

/** Of control as well, whose own limit tells whether it is the broken one. */
function observeInLimits(
  limits: PairEvidence['limits'],
  name: string,
  { bets, valueOf }: MetricLimit,
  { arm, value, denominator, isFirst }: Observation,
): void {
  let known = limits.get(name);
  if (known === undefined) {
    known = { control: initialLimit(), candidate: initialLimit() };
    limits.set(name, known);
  }
  observeLimit(known[arm], bets, valueOf(value, denominator), isFirst);
}

/** Folds one value of a head the experiment doesn't name. */
export function observeHead({ heads }: PairEvidence, head: string, seen: Observation): void {
  const metric = headDesign(head);
  const known = heads.get(head);
  if (!known && heads.size >= MOST_HEADS) return;
  const state = known ?? initialMetric(metric);
  if (!known) heads.set(head, state);
  observeMetric(state, metric, seen, 0);
}

const designs = new Map<string, MetricDesign>();

/** An unnamed head is observed and nothing else; its first value is that of the unit's first score. */
export function headDesign(head: string): MetricDesign {
  const known = designs.get(head);
  if (known) return known;
  const definition = qualityHeadMetric(headName(head));
  if (definition === null) throw new RangeError(`quality head "${head}": expected a name`);
  const design: MetricDesign = {
    definition,
    role: 'observed',
    test: null,
    isCollected: true,
    valuesIn: null,
    gainGrid: [],
    episodes: 'off',
    warmUp: null,
  };
  designs.set(head, design);
  return design;
}

/** Notes a value that is left out because a variant starts. */
export function noteCold({ cold }: PairEvidence, { definition: { name } }: MetricDesign, arm: Arm): void {
  const counts = cold.get(name);
  if (counts) countOne(counts, arm);
  else cold.set(name, { control: 0, candidate: 0, [arm]: 1 });
}

export function mergePairs(a: PairEvidence, b: PairEvidence): PairEvidence {
  return {
    metrics: mergeByName(a.metrics, b.metrics, mergeMetric),
    atHand: [],
    heads: mergeByName(a.heads, b.heads, mergeMetric),
    limits: mergeByName(a.limits, b.limits, (x, y) => ({
      control: mergeLimits(x.control, y.control),
      candidate: mergeLimits(x.candidate, y.candidate),
    })),
    presence: mergePresence(a.presence, b.presence),
    // Caps are for folding, and what is merged is not folded on.
    caps: new Map(),
    cold: mergeByName(a.cold, b.cold, addByArm),
  };
}

function mergeByName<State>(
  a: ReadonlyMap<string, State>,
  b: ReadonlyMap<string, State>,
  merge: (a: State, b: State) => State,
): Map<string, State> {
  const merged = new Map(a);
  for (const [name, state] of b) {
    const other = merged.get(name);
    merged.set(name, other ? merge(other, state) : state);
  }
  return merged;
}
