import { type CountSeries, decodeSeries, encodeSeries, smallestKey } from './count-series.js';
import { addCounts } from './traffic.js';

/** Seconds, and minutes, of a source that are kept: the newest ones in which it spoke. */
const KEPT = 120;

/**
 * When a source spoke, by the carrier's clock: how many of its events the log took in each of the newest seconds and minutes in which there
 * were any, and how many in all. The seconds that are dropped are the oldest ones, so one event that is stamped years ahead takes one place
 * and pushes nothing out.
 */
export interface Pulse {
  /** Second since 1970 → events. */
  readonly seconds: Map<number, number>;
  /** Minute since 1970 → events. */
  readonly minutes: Map<number, number>;
  total: number;
}

/**
 * What is listened to: `answered` requests (by the routers), generations that were `generated` (by the inference services), and generations
 * whose first picture was `scored` (by the scorer). Each counts a request once, so that one is a share of the other.
 */
export const PULSE_SOURCES = ['answered', 'generated', 'scored'] as const;
export type PulseSource = (typeof PULSE_SOURCES)[number];
export type Pulses = Readonly<Record<PulseSource, Pulse>>;

export function initialPulses(): Pulses {
  return mapPulses(() => ({ seconds: new Map(), minutes: new Map(), total: 0 }));
}

/** Notes one event that the carrier took at `carriedAtMs`, in place. */
export function beat(pulse: Pulse, carriedAtMs: number): void {
  pulse.total += 1;
  countLatest(pulse.seconds, Math.floor(carriedAtMs / 1_000));
  countLatest(pulse.minutes, Math.floor(carriedAtMs / 60_000));
}

/** Commutative and associative: what is old in a part is old in the whole. For reading only: what one part alone knows stays that part's. */
export function mergePulses(a: Pulses, b: Pulses): Pulses {
  return mapPulses((source) => mergePulse(a[source], b[source]));
}

/** Most parts hear of one source alone. */
function mergePulse(a: Pulse, b: Pulse): Pulse {
  if (a.total === 0) return b;
  if (b.total === 0) return a;
  return {
    seconds: mergeLatest(a.seconds, b.seconds),
    minutes: mergeLatest(a.minutes, b.minutes),
    total: a.total + b.total,
  };
}

/** The newest second in which the source spoke, none after `until`; null: none is known. */
export function newestSecond({ seconds }: Pulse, until: number): number | null {
  let newest: number | null = null;
  for (const second of seconds.keys()) {
    if (second <= until && (newest === null || second > newest)) newest = second;
  }
  return newest;
}

/** Events after one second (null: from the beginning) until another, both since 1970; of a minute that is long ago only the whole. */
export function eventsBetween(pulse: Pulse, after: number | null, until: number): number {
  const all = after === null ? pulse.total : eventsAfter(pulse, after);
  return Math.max(0, all - eventsAfter(pulse, until));
}

function eventsAfter({ seconds, minutes }: Pulse, after: number): number {
  const isKept = seconds.size < KEPT || smallestKey(seconds) <= after;
  if (isKept) return sum(seconds, (second) => second > after);
  return sum(minutes, (minute) => minute > Math.floor(after / 60));
}

function countLatest(counts: Map<number, number>, key: number): void {
  const known = counts.get(key);
  counts.set(key, (known ?? 0) + 1);
  if (known === undefined && counts.size > KEPT) counts.delete(smallestKey(counts));
}

function mergeLatest(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): Map<number, number> {
  const merged = addCounts(a, b);
  if (merged.size <= KEPT) return merged;
  const dropped = Float64Array.from(merged.keys())
    .sort()
    .subarray(0, merged.size - KEPT);
  for (const key of dropped) merged.delete(key);
  return merged;
}

function sum(counts: ReadonlyMap<number, number>, isMeant: (key: number) => boolean): number {
  let events = 0;
  for (const [key, count] of counts) if (isMeant(key)) events += count;
  return events;
}

function mapPulses<Value>(valueOf: (source: PulseSource) => Value): Record<PulseSource, Value> {
  return Object.fromEntries(PULSE_SOURCES.map((source) => [source, valueOf(source)])) as Record<PulseSource, Value>;
}

interface EncodedPulse {
  readonly seconds: CountSeries;
  readonly minutes: CountSeries;
  readonly total: number;
}
export type EncodedPulses = Readonly<Record<PulseSource, EncodedPulse>>;

export function encodePulses(pulses: Pulses): EncodedPulses {
  return mapPulses((source) => {
    const { seconds, minutes, total } = pulses[source];
    return { seconds: encodeSeries(seconds), minutes: encodeSeries(minutes), total };
  });
}

export function decodePulses(encoded: EncodedPulses): Pulses {
  return mapPulses((source) => {
    const { seconds, minutes, total } = encoded[source];
    return { seconds: decodeSeries(seconds), minutes: decodeSeries(minutes), total };
  });
}
