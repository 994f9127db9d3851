import { FIRST_ENDS_MS } from '../kinds/told-ends.js';
import { type CountSeries, decodeSeries, encodeSeries, smallestKey } from './count-series.js';

/** Seconds of a variant that are kept: the newest ones in which it had requests. */
const KEPT = 240;
/** What counts as recent: this long … */
const RECENT_S = 60;
/** … or, where that holds fewer requests than this, as far back as it takes, up to … */
const ENOUGH_REQUESTS = 100;
/** … this long. */
const LONGEST_S = 600;
/** What the carrier's clock may be ahead of the analyzer's. */
const AHEAD_S = 5;

interface SecondOfRequests {
  requests: number;
  /** Of them those that the service failed. */
  failures: number;
}

/** By variant, and by the second (since 1970, by the carrier's clock) in which its requests ended. */
export type RecentOutcomes = Map<string, Map<number, SecondOfRequests>>;

/** A variant's recent requests, whatever they were drawn for. */
export interface NewestRequests {
  /** How far back they reach. */
  readonly seconds: number;
  readonly requests: number;
  readonly failures: number;
}

/** Notes the end of a request, in place. */
export function noteOutcome(recent: RecentOutcomes, variant: string, isFailure: boolean, carriedAtMs: number): void {
  let seconds = recent.get(variant);
  if (seconds === undefined) {
    seconds = new Map();
    recent.set(variant, seconds);
  }
  const second = Math.floor(carriedAtMs / 1_000);
  const known = seconds.get(second);
  if (known !== undefined) {
    known.requests += 1;
    if (isFailure) known.failures += 1;
    return;
  }
  seconds.set(second, { requests: 1, failures: Number(isFailure) });
  if (seconds.size > KEPT) seconds.delete(smallestKey(seconds));
}

/** How a variant's recent requests ended; null: it had none. */
export function recentRequests(recent: RecentOutcomes, variant: string, nowMs: number): NewestRequests | null {
  const nowS = Math.floor(nowMs / 1_000);
  const seconds = recent.get(variant) ?? new Map<number, SecondOfRequests>();
  const told = { seconds: RECENT_S, requests: 0, failures: 0 };
  const from = firstToldInFull(seconds, nowS);
  for (const second of Float64Array.from(seconds.keys()).sort().reverse()) {
    if (second > nowS + AHEAD_S) continue;
    if (second < from) break;
    const { requests, failures } = seconds.get(second) as SecondOfRequests;
    const ageS = nowS - second;
    if (ageS >= LONGEST_S || (ageS >= RECENT_S && told.requests >= ENOUGH_REQUESTS)) break;
    told.seconds = Math.max(RECENT_S, ageS + 1);
    told.requests += requests;
    told.failures += failures;
  }
  return told.requests === 0 ? null : told;
}

/**
 * The first second in which not failures alone can be told: they may come at once, and pictures take their time. As long again as the first answer took, since
 * others take longer; where none comes for {@link FIRST_ENDS_MS}, it is the failures that are told.
 */
function firstToldInFull(seconds: ReadonlyMap<number, SecondOfRequests>, nowS: number): number {
  const first = smallestKey(seconds);
  let answered = Infinity;
  for (const [second, { requests, failures }] of seconds)
    if (failures < requests) answered = Math.min(answered, second);
  if (Math.min(answered, nowS) - first >= FIRST_ENDS_MS / 1_000) return first;
  return answered + (answered - first);
}

/** Commutative and associative: what is old in a part is old in the whole. For reading only: what one part alone knows stays that part's. */
export function mergeRecentOutcomes(a: RecentOutcomes, b: RecentOutcomes): RecentOutcomes {
  const merged: RecentOutcomes = new Map(a);
  for (const [variant, seconds] of b) {
    const known = a.get(variant);
    merged.set(variant, known ? mergeSeconds(known, seconds) : seconds);
  }
  return merged;
}

function mergeSeconds(
  a: ReadonlyMap<number, SecondOfRequests>,
  b: ReadonlyMap<number, SecondOfRequests>,
): Map<number, SecondOfRequests> {
  const sum = new Map(a);
  for (const [second, counts] of b) {
    const known = sum.get(second);
    sum.set(second, known ? together(known, counts) : counts);
  }
  if (sum.size <= KEPT) return sum;
  for (const old of Float64Array.from(sum.keys())
    .sort()
    .subarray(0, sum.size - KEPT))
    sum.delete(old);
  return sum;
}

function together(a: Readonly<SecondOfRequests>, b: Readonly<SecondOfRequests>): SecondOfRequests {
  return { requests: a.requests + b.requests, failures: a.failures + b.failures };
}

/** By variant its requests and its failures, second by second. */
export type EncodedRecent = readonly (readonly [variant: string, requests: CountSeries, failures: CountSeries])[];

export function encodeRecent(recent: RecentOutcomes): EncodedRecent {
  return [...recent].map(([variant, seconds]) => [
    variant,
    encodeSeries(new Map([...seconds].map(([second, { requests }]) => [second, requests]))),
    encodeSeries(new Map([...seconds].flatMap(([second, { failures }]) => (failures > 0 ? [[second, failures]] : [])))),
  ]);
}

export function decodeRecent(encoded: EncodedRecent): RecentOutcomes {
  return new Map(encoded.map(([variant, requests, failures]) => [variant, secondsOf(requests, failures)]));
}

function secondsOf(requests: CountSeries, failures: CountSeries): Map<number, SecondOfRequests> {
  const failed = decodeSeries(failures);
  return new Map(
    [...decodeSeries(requests)].map(([second, all]) => [second, { requests: all, failures: failed.get(second) ?? 0 }]),
  );
}
