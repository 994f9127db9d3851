/** Requests and units of an experiment, by variant and by the allocation (epoch) they came under. */
export interface Traffic {
  /** All requests, by variant. */
  readonly requests: Map<string, number>;
  readonly epochs: Map<number, EpochTraffic>;
}

export interface EpochTraffic {
  readonly stage: number;
  readonly weightsPpm: Readonly<Record<string, number>>;
  /** Units that were first seen under this allocation, by variant: what the sample ratio is tested on. */
  readonly firstSeen: Map<string, number>;
  /** Randomised requests, by variant. */
  readonly requests: Map<string, number>;
  /** The sum over the units of the square of how many requests each has made under this allocation, whatever its variant. */
  squaredRequests: number;
  /** Distinct units under this allocation, first seen or not (a unit that goes back and forth counts again). */
  distinct: number;
}

export function initialTraffic(): Traffic {
  return { requests: new Map(), epochs: new Map() };
}

export function epochOf(
  traffic: Traffic,
  epoch: number,
  stage: number,
  weightsPpm: Readonly<Record<string, number>>,
): EpochTraffic {
  const known = traffic.epochs.get(epoch);
  if (known) return known;
  const fresh: EpochTraffic = {
    stage,
    weightsPpm: { ...weightsPpm },
    firstSeen: new Map(),
    requests: new Map(),
    squaredRequests: 0,
    distinct: 0,
  };
  traffic.epochs.set(epoch, fresh);
  return fresh;
}

/** Candidate's probability within the pair {control, candidate} under an allocation; 0 for one that was never seen. */
export function candidateShare({ epochs }: Traffic, epoch: number, control: string, candidate: string): number {
  const weights = epochs.get(epoch)?.weightsPpm ?? {};
  const ofCandidate = weights[candidate] ?? 0;
  return ofCandidate / (ofCandidate + (weights[control] ?? 0) || 1);
}

export function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** For reading only: of a part without requests the other one's allocations are taken as they are, however many thousand they may be. */
export function mergeTraffic(a: Traffic, b: Traffic): Traffic {
  return { requests: addCounts(a.requests, b.requests), epochs: mergeEpochs(a.epochs, b.epochs) };
}

function mergeEpochs(a: Traffic['epochs'], b: Traffic['epochs']): Traffic['epochs'] {
  if (b.size === 0 && isAscending(a)) return a;
  if (a.size === 0 && isAscending(b)) return b;
  const epochs = new Map<number, EpochTraffic>();
  for (const epoch of [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => x - y)) {
    const left = a.get(epoch);
    const right = b.get(epoch);
    const { stage, weightsPpm } = (left ?? right) as EpochTraffic;
    epochs.set(epoch, {
      stage,
      weightsPpm,
      firstSeen: addCounts(left?.firstSeen, right?.firstSeen),
      requests: addCounts(left?.requests, right?.requests),
      squaredRequests: (left?.squaredRequests ?? 0) + (right?.squaredRequests ?? 0),
      distinct: (left?.distinct ?? 0) + (right?.distinct ?? 0),
    });
  }
  return epochs;
}

/** Sums over the allocations round the same way in whatever order parts were merged. */
function isAscending(epochs: Traffic['epochs']): boolean {
  let last = -Infinity;
  for (const epoch of epochs.keys()) {
    if (epoch < last) return false;
    last = epoch;
  }
  return true;
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

export type EncodedTraffic = {
  readonly requests: readonly (readonly [string, number])[];
  readonly epochs: readonly {
    readonly epoch: number;
    readonly stage: number;
    readonly weightsPpm: Readonly<Record<string, number>>;
    readonly firstSeen: readonly (readonly [string, number])[];
    readonly requests: readonly (readonly [string, number])[];
    readonly squaredRequests: number;
    readonly distinct: number;
  }[];
};

export function encodeTraffic({ requests, epochs }: Traffic): EncodedTraffic {
  return {
    requests: [...requests],
    epochs: [...epochs].map(([epoch, { firstSeen, requests: inEpoch, ...rest }]) => ({
      epoch,
      ...rest,
      firstSeen: [...firstSeen],
      requests: [...inEpoch],
    })),
  };
}

export function decodeTraffic({ requests, epochs }: EncodedTraffic): Traffic {
  return {
    requests: new Map(requests),
    epochs: new Map(
      epochs.map(({ epoch, firstSeen, requests: inEpoch, ...rest }) => [
        epoch,
        { ...rest, firstSeen: new Map(firstSeen), requests: new Map(inEpoch) },
      ]),
    ),
  };
}
