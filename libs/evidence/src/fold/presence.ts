import { type Arm, hit, initialTilt, mergeTilt, type Tilt } from '#libs/statistics';
import type { Cap, RequestTopic } from '../catalogue/definition.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import { addByArm, countOne } from '../kinds/arm-counts.js';
import * as codec from '../kinds/state-codec.js';

const NOBODY: Readonly<Record<Arm, number>> = { control: 0, candidate: 0 };

/**
 * Which units of a pair have a value of the metrics that are tested, and which have none: whoever fails or is slow is the one whose value is
 * missing, so a variant of which only the good values arrive would look better. Counted beside the metrics' own evidence, and only where
 * something is missing or out of bounds: where everything arrives it costs an addition per unit.
 */
export interface Presence {
  /** Units by topic whose first delivered event came: each should have had a value in it. */
  readonly delivered: Map<RequestTopic, Record<Arm, number>>;
  /** By the metric's name; nothing where nothing was missing. */
  readonly metrics: Map<string, MetricPresence>;
}

export interface MetricPresence {
  /** Units that have no value: their first delivered event said nothing of the metric, or what came first never ended. */
  readonly missing: Tilt;
  /** How many of those never ended, and so are not among the delivered. */
  readonly lost: Record<Arm, number>;
  /** Units with a value of what people give of their own accord (feedback): nobody knows when the others would have given theirs. */
  readonly given: Tilt;
  /** Units whose value lies outside the metric's fixed bounds. */
  readonly outside: Record<Arm, number>;
}

export function initialPresence(): Presence {
  return { delivered: new Map(), metrics: new Map() };
}

/** Notes a unit's first delivered event on a topic. */
export function noteDelivered({ delivered }: Presence, topic: RequestTopic, arm: Arm): void {
  const counts = delivered.get(topic);
  if (counts) countOne(counts, arm);
  else delivered.set(topic, { control: 0, candidate: 0, [arm]: 1 });
}

/** Notes a unit that has no value where it should have one. @param isLost what it waited for never came. */
export function noteMissing(
  presence: Presence,
  { definition: { name } }: MetricDesign,
  { arm, propensity, isLost }: { readonly arm: Arm; readonly propensity: number; readonly isLost: boolean },
): void {
  const of = metricPresence(presence, name);
  hit(of.missing, arm, propensity);
  if (isLost) countOne(of.lost, arm);
}

/** Notes what has to be known of a unit's first value. */
export function noteValue(
  presence: Presence,
  { definition: { name, topic, cap } }: MetricDesign,
  { arm, propensity, value }: { readonly arm: Arm; readonly propensity: number; readonly value: number },
): void {
  if (topic === 'feedback.recorded.v1') hit(metricPresence(presence, name).given, arm, propensity);
  if (isOutside(cap, value)) countOne(metricPresence(presence, name).outside, arm);
}

function isOutside(cap: Cap, value: number): boolean {
  return cap.kind === 'fixed' && (value < cap.lo || value > cap.hi);
}

function metricPresence({ metrics }: Presence, name: string): MetricPresence {
  const known = metrics.get(name);
  if (known) return known;
  const fresh = {
    missing: initialTilt(),
    lost: { control: 0, candidate: 0 },
    given: initialTilt(),
    outside: { control: 0, candidate: 0 },
  };
  metrics.set(name, fresh);
  return fresh;
}

export function mergePresence(a: Presence, b: Presence): Presence {
  const delivered = new Map(a.delivered);
  for (const [topic, counts] of b.delivered) delivered.set(topic, addByArm(delivered.get(topic) ?? NOBODY, counts));
  const metrics = new Map(a.metrics);
  for (const [name, right] of b.metrics) {
    const left = metrics.get(name);
    metrics.set(name, left ? mergeOf(left, right) : right);
  }
  return { delivered, metrics };
}

function mergeOf(a: MetricPresence, b: MetricPresence): MetricPresence {
  return {
    missing: mergeTilt(a.missing, b.missing),
    lost: addByArm(a.lost, b.lost),
    given: mergeTilt(a.given, b.given),
    outside: addByArm(a.outside, b.outside),
  };
}

export interface EncodedPresence {
  readonly delivered: readonly (readonly [RequestTopic, Readonly<Record<Arm, number>>])[];
  /** In the names' order. */
  readonly metrics: readonly (readonly [
    name: string,
    {
      readonly missing: codec.EncodedTilt;
      readonly lost: Readonly<Record<Arm, number>>;
      readonly given: codec.EncodedTilt;
      readonly outside: Readonly<Record<Arm, number>>;
    },
  ])[];
}

export function encodePresence({ delivered, metrics }: Presence): EncodedPresence {
  return {
    delivered: [...delivered].map(([topic, counts]) => [topic, { ...counts }] as const),
    metrics: [...metrics.keys()].sort().map((name) => {
      const { missing, lost, given, outside } = metrics.get(name) as MetricPresence;
      const encoded = {
        missing: codec.encodeTilt(missing),
        lost: { ...lost },
        given: codec.encodeTilt(given),
        outside: { ...outside },
      };
      return [name, encoded] as const;
    }),
  };
}

/** @param kept the metrics that go on: what is stored of others is left out. */
export function decodePresence(encoded: EncodedPresence, kept: ReadonlySet<string>): Presence {
  return {
    delivered: new Map(encoded.delivered.map(([topic, counts]) => [topic, { ...counts }])),
    metrics: new Map(
      encoded.metrics
        .filter(([name]) => kept.has(name))
        .map(([name, { missing, lost, given, outside }]) => [
          name,
          {
            missing: codec.decodeTilt(missing),
            lost: { ...lost },
            given: codec.decodeTilt(given),
            outside: { ...outside },
          },
        ]),
    ),
  };
}
