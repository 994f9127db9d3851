import type { WeightsPpm } from '#libs/contracts';
import { type Allocation, allocationOf } from './allocation.js';
import {
  addDraws,
  decodeDraws,
  type DrawnUnder,
  type Draws,
  copyOfDraws,
  encodeDraws,
  type EncodedDraws,
  mergeDraws,
  noDraws,
} from './draws.js';

/** Requests and units of an experiment, by variant and by the allocation they came under. */
export interface Traffic {
  /** All requests, by variant. */
  readonly requests: Map<string, number>;
  /** By the allocation's key; the newest ones, {@link MOST_ALLOCATIONS} at most in a partition. */
  readonly allocations: Map<string, AllocationTraffic>;
  /** What came under the others. */
  readonly settled: Draws;
  /** Shares by epoch, of evidence that was stored by epochs: what coverage of then was counted under. */
  readonly sharesBefore: ReadonlyMap<number, WeightsPpm>;
}

export interface AllocationTraffic extends DrawnUnder {
  readonly stage: number;
  /** The newest of the service's epochs with these shares. */
  newestEpoch: number;
  readonly firstSeen: Map<string, number>;
  readonly requests: Map<string, number>;
  squaredRequests: number;
  /** Distinct units under this allocation, first seen or not (a unit that goes back and forth counts again). */
  distinct: number;
}

/** Allocations that are told apart: a ramp has a dozen. Of older ones the sums remain. */
const MOST_ALLOCATIONS = 32;

export function initialTraffic(): Traffic {
  return { requests: new Map(), allocations: new Map(), settled: noDraws(), sharesBefore: new Map() };
}

/** What came under an allocation; where it is one too many, that with the oldest epoch gives its place up for it. */
export function trafficUnder(traffic: Traffic, allocation: Allocation, epoch: number): AllocationTraffic {
  const { allocations } = traffic;
  const known = allocations.get(allocation.key);
  if (known !== undefined) {
    if (epoch > known.newestEpoch) known.newestEpoch = epoch;
    return known;
  }
  if (allocations.size >= MOST_ALLOCATIONS) settleOldest(traffic);
  const fresh = emptyUnder(allocation, epoch);
  allocations.set(allocation.key, fresh);
  return fresh;
}

function emptyUnder({ stage, weightsPpm }: Allocation, epoch: number): AllocationTraffic {
  return {
    stage,
    weightsPpm,
    newestEpoch: epoch,
    firstSeen: new Map(),
    requests: new Map(),
    squaredRequests: 0,
    distinct: 0,
  };
}

function settleOldest({ allocations, settled }: Traffic): void {
  let oldest: [string, AllocationTraffic] | null = null;
  for (const entry of allocations) if (oldest === null || entry[1].newestEpoch < oldest[1].newestEpoch) oldest = entry;
  if (oldest === null) return;
  addDraws(settled, oldest[1]);
  allocations.delete(oldest[0]);
}

/** What was drawn under all allocations; in the order of their keys, so that sums round the same way in whatever order parts were merged. */
export function drawsOf({ allocations, settled }: Traffic): Draws {
  const draws = copyOfDraws(settled);
  for (const key of [...allocations.keys()].sort()) addDraws(draws, allocations.get(key) as AllocationTraffic);
  return draws;
}

/** What came under the allocation whose newest epoch this is; undefined where nothing did. */
export function underEpoch({ allocations }: Traffic, epoch: number): AllocationTraffic | undefined {
  return [...allocations.values()].find(({ newestEpoch }) => newestEpoch === epoch);
}

/** Candidate's probability within the pair {control, candidate} under an epoch of before; 0 for one that was never seen. */
export function shareBefore({ sharesBefore }: Traffic, epoch: number, control: string, candidate: string): number {
  const weights = sharesBefore.get(epoch) ?? {};
  const ofCandidate = weights[candidate] ?? 0;
  return ofCandidate / (ofCandidate + (weights[control] ?? 0) || 1);
}

export function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** For reading only: of a part without requests the other one's allocations are taken as they are. */
export function mergeTraffic(a: Traffic, b: Traffic): Traffic {
  return {
    requests: addCounts(a.requests, b.requests),
    allocations: mergeAllocations(a.allocations, b.allocations),
    settled: mergeDraws(a.settled, b.settled),
    sharesBefore: b.sharesBefore.size === 0 ? a.sharesBefore : new Map([...a.sharesBefore, ...b.sharesBefore]),
  };
}

function mergeAllocations(a: Traffic['allocations'], b: Traffic['allocations']): Traffic['allocations'] {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  const merged = new Map(a);
  for (const [key, right] of b) {
    const left = merged.get(key);
    merged.set(key, left === undefined ? right : mergeUnder(left, right));
  }
  return merged;
}

function mergeUnder(a: AllocationTraffic, b: AllocationTraffic): AllocationTraffic {
  return {
    stage: a.stage,
    weightsPpm: a.weightsPpm,
    newestEpoch: Math.max(a.newestEpoch, b.newestEpoch),
    firstSeen: addCounts(a.firstSeen, b.firstSeen),
    requests: addCounts(a.requests, b.requests),
    squaredRequests: a.squaredRequests + b.squaredRequests,
    distinct: a.distinct + b.distinct,
  };
}

export function addCounts<K>(
  a: ReadonlyMap<K, number> | undefined,
  b: ReadonlyMap<K, number> | undefined,
): Map<K, number> {
  const sum = new Map(a);
  if (b) addTo(sum, b);
  return sum;
}

/** Adds counts up, in place. */
export function addTo<K>(sum: Map<K, number>, counts: ReadonlyMap<K, number>): void {
  for (const [key, value] of counts) sum.set(key, (sum.get(key) ?? 0) + value);
}

type Counts = readonly (readonly [string, number])[];

interface EncodedUnder {
  readonly stage: number;
  readonly weightsPpm: WeightsPpm;
  readonly newestEpoch: number;
  readonly firstSeen: Counts;
  readonly requests: Counts;
  readonly squaredRequests: number;
  readonly distinct: number;
}

export interface EncodedTraffic {
  readonly requests: Counts;
  readonly allocations: readonly EncodedUnder[];
  /** Absent while every allocation has its place. */
  readonly settled?: EncodedDraws;
  /** Absent but in evidence that once was stored by epochs. */
  readonly sharesBefore?: readonly (readonly [epoch: number, WeightsPpm])[];
}

/** As it was stored when every epoch of the service had a place of its own. */
export interface TrafficByEpoch {
  readonly requests: Counts;
  readonly epochs: readonly (Omit<EncodedUnder, 'newestEpoch'> & { readonly epoch: number })[];
}

export function encodeTraffic({ requests, allocations, settled, sharesBefore }: Traffic): EncodedTraffic {
  return {
    requests: [...requests],
    allocations: [...allocations.values()].map(({ firstSeen, requests: under, ...rest }) => ({
      ...rest,
      firstSeen: [...firstSeen],
      requests: [...under],
    })),
    ...(settled.firstSeen.size + settled.variants.size === 0 ? {} : { settled: encodeDraws(settled) }),
    ...(sharesBefore.size === 0 ? {} : { sharesBefore: [...sharesBefore] }),
  };
}

export function decodeTraffic(encoded: EncodedTraffic | TrafficByEpoch): Traffic {
  if ('epochs' in encoded) return fromEpochs(encoded);
  const { requests, allocations, settled, sharesBefore = [] } = encoded;
  return {
    requests: new Map(requests),
    allocations: new Map(allocations.map((under) => [allocationOf(under).key, decodeUnder(under)])),
    settled: settled === undefined ? noDraws() : decodeDraws(settled),
    sharesBefore: new Map(sharesBefore),
  };
}

function decodeUnder({ firstSeen, requests, ...rest }: EncodedUnder): AllocationTraffic {
  return { ...rest, firstSeen: new Map(firstSeen), requests: new Map(requests) };
}

/** Epochs with the same stage and shares are one allocation; the units in it are those of its newest epoch, as it was said until then. */
function fromEpochs({ requests, epochs }: TrafficByEpoch): Traffic {
  const traffic = { ...initialTraffic(), requests: new Map(requests) };
  const sharesBefore = new Map<number, WeightsPpm>();
  for (const { epoch, ...stored } of [...epochs].sort((a, b) => a.epoch - b.epoch)) {
    sharesBefore.set(epoch, stored.weightsPpm);
    const under = trafficUnder(traffic, allocationOf(stored), epoch);
    for (const [variant, units] of stored.firstSeen)
      under.firstSeen.set(variant, (under.firstSeen.get(variant) ?? 0) + units);
    for (const [variant, more] of stored.requests)
      under.requests.set(variant, (under.requests.get(variant) ?? 0) + more);
    under.squaredRequests += stored.squaredRequests;
    under.distinct = stored.distinct;
  }
  return { ...traffic, sharesBefore };
}
