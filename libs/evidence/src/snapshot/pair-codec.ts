import { type Arm, decodeWealth, encodeWealth, type LimitEvidence } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { PairEvidence } from '../fold/pair-evidence.js';
import { decodePresence, encodePresence, type EncodedPresence } from '../fold/presence.js';
import {
  decodeMetric,
  encodeMetric,
  handOverValues,
  initialMetric,
  isKind,
  type MetricEvidence,
} from '../kinds/metric-evidence.js';
import { digestOf } from './digest.js';
import * as codec from '../kinds/state-codec.js';
import type { MetricHistory, MetricIdentity } from './metric-identity.js';

/** A metric as a snapshot knows it. */
export interface StoredState extends MetricIdentity {
  /** Name of the metric that kept the values this one shows. */
  readonly valuesIn: string | null;
}

/** By name, in the names' order. */
export interface EncodedPair {
  readonly metrics: readonly (readonly [name: string, state: unknown])[];
  readonly heads: readonly (readonly [head: string, state: unknown])[];
  /** Evidence of absolute limits, with the digest of the limit it is about; absent where there are none. */
  readonly limits?: readonly EncodedLimits[];
  readonly presence: EncodedPresence;
  readonly caps: readonly (readonly [name: string, codec.EncodedTailLimit])[];
  readonly cold: readonly (readonly [name: string, Readonly<Record<Arm, number>>])[];
}

type EncodedLimit = readonly [
  n: number,
  sum: number,
  tails: LimitEvidence['tails'],
  beyond: number[],
  within: number[],
  recent: number[],
];
type EncodedLimits = readonly [name: string, about: string, control: EncodedLimit, candidate: EncodedLimit];

/** @param designs of the metrics that were folded. */
export function encodePair(
  { metrics, heads, limits, presence, caps, cold }: PairEvidence,
  designs: readonly MetricDesign[],
): EncodedPair {
  const encoded = designs.flatMap((design): EncodedLimits[] => {
    const { name } = design.definition;
    const known = limits.get(name);
    if (!known || !design.limit) return [];
    return [[name, aboutOf(design), encodeLimit(known.control), encodeLimit(known.candidate)]];
  });
  return {
    metrics: encodeStates(metrics),
    heads: encodeStates(heads),
    ...(encoded.length > 0 ? { limits: encoded } : {}),
    presence: encodePresence(presence),
    caps: [...caps].map(([name, cap]) => [name, codec.encodeTailLimit(cap)] as const),
    cold: [...cold].map(([name, counts]) => [name, { ...counts }] as const),
  };
}

/** A limit that has changed begins without evidence. */
function decodeLimits({ limits = [] }: EncodedPair, designs: readonly MetricDesign[]): PairEvidence['limits'] {
  const decoded: PairEvidence['limits'] = new Map();
  for (const [name, about, control, candidate] of limits) {
    const design = designs.find(({ definition }) => definition.name === name);
    if (!design?.limit || aboutOf(design) !== about) continue;
    decoded.set(name, { control: decodeLimit(control), candidate: decodeLimit(candidate) });
  }
  return decoded;
}

function aboutOf({ limit, definition: { kind, topic, reads } }: MetricDesign): string {
  return digestOf([kind, topic, reads ?? '', limit?.kind ?? '', limit?.value ?? 0]);
}

function encodeLimit({ n, sum, tails, beyond, within, recent }: LimitEvidence): EncodedLimit {
  return [n, sum, { ...tails }, encodeWealth(beyond), encodeWealth(within), [...recent]];
}

function decodeLimit([n, sum, tails, beyond, within, recent]: EncodedLimit): LimitEvidence {
  return {
    n,
    sum,
    tails: { ...tails },
    beyond: decodeWealth(beyond),
    within: decodeWealth(within),
    recent: Float64Array.from(recent),
  };
}

/** The states of the metrics that go on; of the others nothing is taken over but values that metrics which do go on show. */
export function decodePair(
  encoded: EncodedPair,
  stored: readonly StoredState[],
  { kept, fresh }: MetricHistory<StoredState>,
): PairEvidence {
  const kinds = new Map(stored.map(({ name, kind }) => [name, kind]));
  const states = new Map<string, MetricEvidence>();
  for (const [name, state] of encoded.metrics) {
    const kind = kinds.get(name) ?? '';
    if (isKind(kind)) states.set(name, decodeMetric(state, kind));
  }
  const metrics = new Map<string, MetricEvidence>();
  for (const { definition } of kept.keys()) {
    const state = states.get(definition.name);
    if (state) metrics.set(definition.name, state);
  }
  for (const keeper of [...kept.keys(), ...fresh]) takeValues(keeper, states, metrics, kept);
  const names = new Set([...kept.keys()].map(({ definition: { name } }) => name));
  return {
    metrics,
    atHand: [],
    heads: new Map(encoded.heads.map(([head, state]) => [head, decodeMetric(state, 'mean')])),
    limits: decodeLimits(encoded, [...kept.keys(), ...fresh]),
    presence: decodePresence(encoded.presence, names),
    caps: new Map(
      encoded.caps.filter(([name]) => names.has(name)).map(([name, cap]) => [name, codec.decodeTailLimit(cap)]),
    ),
    cold: new Map(encoded.cold.filter(([name]) => names.has(name)).map(([name, counts]) => [name, { ...counts }])),
  };
}

/** Gives the metric that keeps values for others what another one kept for them so far. */
function takeValues(
  keeper: MetricDesign,
  stored: ReadonlyMap<string, MetricEvidence>,
  metrics: Map<string, MetricEvidence>,
  kept: MetricHistory<StoredState>['kept'],
): void {
  const { name } = keeper.definition;
  if (keeper.valuesIn !== name) return;
  const readers = [...kept].filter(([metric]) => metric.valuesIn === name);
  const from = stored.get(readers[0]?.[1].valuesIn ?? '');
  if (from === undefined || from === metrics.get(name)) return;
  const to = metrics.get(name) ?? initialMetric(keeper);
  handOverValues(from, to);
  metrics.set(name, to);
}

function encodeStates(states: ReadonlyMap<string, MetricEvidence>): EncodedPair['metrics'] {
  return [...states.keys()].sort().map((name) => [name, encodeMetric(states.get(name) as MetricEvidence)] as const);
}
