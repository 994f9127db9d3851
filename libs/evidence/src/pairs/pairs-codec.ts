import type { Arm } from '#libs/statistics';
import { decodeCoverage, encodeCoverage, type EncodedCoverage } from '../fold/coverage.js';
import type { Evidence } from '../fold/evidence.js';
import { decodePresence, encodePresence, type EncodedPresence } from '../fold/presence.js';
import { decodePairMemory, encodePairMemory, type EncodedPairMemory } from './pair-memory.js';
import { initialPairedEvidence, type PairedEvidence, type PixelCounts } from './paired-evidence.js';
import { isPairedKind, type PairedMetric, pairedMethodOf } from './paired-metric.js';

interface EncodedPaired {
  /** In the names' order. */
  readonly metrics: readonly (readonly [name: string, kind: PairedMetric['kind'], state: unknown])[];
  readonly complete: readonly (readonly [topic: string, pairs: number])[];
  readonly halves: Readonly<Record<Arm, number>>;
  readonly repeated: number;
  readonly withdrawn: number;
  readonly pixels: PixelCounts;
  readonly presence: EncodedPresence;
  readonly coverage: EncodedCoverage;
}

/** The pairs of all candidates, as plain JSON, every double exactly. */
export interface EncodedPairs {
  readonly candidates: readonly (readonly [candidate: string, EncodedPaired])[];
  readonly memory: EncodedPairMemory;
}

type Pairs = Pick<Evidence, 'paired' | 'pairMemory'>;

/** Undefined where no pair ever came: most experiments have none. */
export function encodePairs({ paired, pairMemory }: Pairs): EncodedPairs | undefined {
  if (pairMemory.waiting.size === 0 && pairMemory.done.size === 0) return undefined;
  return {
    candidates: [...paired].map(([candidate, of]) => [candidate, encodePaired(of)] as const),
    memory: encodePairMemory(pairMemory),
  };
}

/** @param kept the metrics that go on: what is stored of others is left out. */
export function decodePairs(encoded: EncodedPairs, kept: ReadonlySet<string>): Pairs {
  return {
    paired: new Map(encoded.candidates.map(([candidate, of]) => [candidate, decodePaired(of, kept)])),
    pairMemory: decodePairMemory(encoded.memory, kept),
  };
}

function encodePaired({
  metrics,
  complete,
  halves,
  pixels,
  presence,
  coverage,
  ...counts
}: PairedEvidence): EncodedPaired {
  return {
    metrics: [...metrics.keys()].sort().map((name) => {
      const state = metrics.get(name) as PairedMetric;
      return [name, state.kind, pairedMethodOf(state.kind).encode(state)] as const;
    }),
    complete: [...complete],
    halves: { ...halves },
    pixels: { ...pixels },
    presence: encodePresence(presence),
    coverage: encodeCoverage(coverage),
    ...counts,
  };
}

function decodePaired(
  { metrics, complete, halves, pixels, presence, coverage, ...counts }: EncodedPaired,
  kept: ReadonlySet<string>,
): PairedEvidence {
  return {
    ...initialPairedEvidence(),
    metrics: new Map(
      metrics
        .filter(([name, kind]) => kept.has(name) && isPairedKind(kind))
        .map(([name, kind, state]) => [name, pairedMethodOf(kind).decode(state as never)]),
    ),
    complete: new Map(complete),
    halves: { ...halves },
    pixels: { ...pixels },
    presence: decodePresence(presence, kept),
    coverage: decodeCoverage(coverage),
    ...counts,
  };
}
