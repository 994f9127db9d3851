import type { Arm } from '#libs/statistics';
import type { RequestTopic } from '../catalogue/definition.js';
import type { SideValue } from './paired-method.js';

/** Pairs that are remembered. */
export interface PairMemory {
  /** The side that came first, until the other one comes; by topic, candidate, unit and prompt, oldest first. */
  readonly waiting: Map<number, WaitingSide>;
  /** The same of what is in the evidence already. */
  readonly done: Set<number>;
}

/** What the other side is compared with when it comes. */
export interface WaitingSide {
  readonly topic: RequestTopic;
  readonly candidate: string;
  /** Id of the request that a person made. */
  readonly request: string;
  readonly arm: Arm;
  readonly sinceMs: number;
  /** Whether its event holds what was asked for. */
  readonly isDelivered: boolean;
  /** Whether durations are not compared, since a variant started when it came; known of copies. */
  readonly isCold: boolean;
  /** By metric: what its event says, and what was fixed before. */
  readonly values: ReadonlyMap<string, WaitingValue>;
  readonly pixels: string | null;
  /** Logit of people's preference; null where the scorer's model did not learn it. */
  readonly preference: number | null;
}

export interface WaitingValue {
  /** `lost`: it will never come; `elsewhere`: another metric judges the event; null: the event says nothing of the metric. */
  readonly said: SideValue | 'lost' | 'elsewhere' | null;
  readonly frame: readonly number[] | null;
}

/** More of either are forgotten, oldest first: some 4 MiB of waiting sides at most. */
const REMEMBERED = 4_096;

/** How long the other side may take, ms by the carrier's clock: pictures take minutes where queues are long. */
const LONGEST_WAIT_MS = 600_000;

export function initialPairMemory(): PairMemory {
  return { waiting: new Map(), done: new Set() };
}

export function waitFor({ waiting }: PairMemory, key: number, side: WaitingSide): void {
  waiting.set(key, side);
  if (waiting.size > REMEMBERED) waiting.delete(waiting.keys().next().value as number);
}

export function markDone({ waiting, done }: PairMemory, key: number): void {
  waiting.delete(key);
  done.add(key);
  if (done.size > REMEMBERED) done.delete(done.keys().next().value as number);
}

/** Takes out the sides that have waited too long. */
export function takeOverdue(memory: PairMemory, nowMs: number): readonly WaitingSide[] {
  const overdue: WaitingSide[] = [];
  for (const [key, side] of memory.waiting) {
    if (side.sinceMs > nowMs - LONGEST_WAIT_MS) break;
    overdue.push(side);
    markDone(memory, key);
  }
  return overdue;
}

type EncodedNumber = number | 'Infinity' | '-Infinity';
type EncodedValue = readonly [
  name: string,
  said: readonly [value: EncodedNumber, denominator: EncodedNumber] | 'lost' | 'elsewhere' | null,
  frame: readonly EncodedNumber[] | null,
];
type EncodedSide = Omit<WaitingSide, 'values'> & { readonly key: number; readonly values: readonly EncodedValue[] };

/** In the order in which they came. */
export interface EncodedPairMemory {
  readonly waiting: readonly EncodedSide[];
  readonly done: readonly number[];
}

export function encodePairMemory({ waiting, done }: PairMemory): EncodedPairMemory {
  return {
    waiting: [...waiting].map(([key, side]) => {
      const values = [...side.values].map(([name, { said, frame }]): EncodedValue => [
        name,
        said === null || typeof said === 'string' ? said : [numberOut(said.value), numberOut(said.denominator)],
        frame && frame.map(numberOut),
      ]);
      return { ...side, key, values };
    }),
    done: [...done],
  };
}

/** @param kept the metrics that go on: what waits of others is left out. */
export function decodePairMemory({ waiting, done }: EncodedPairMemory, kept: ReadonlySet<string>): PairMemory {
  return {
    waiting: new Map(
      waiting.map(({ key, ...side }) => {
        const values = side.values
          .filter(([name]) => kept.has(name))
          .map(([name, said, frame]): [string, WaitingValue] => {
            const value =
              said === null || typeof said === 'string'
                ? said
                : { value: Number(said[0]), denominator: Number(said[1]) };
            return [name, { said: value, frame: frame && frame.map(Number) }];
          });
        // Sides that waited when there was none yet.
        return [key, { ...side, preference: side.preference ?? null, values: new Map(values) }];
      }),
    ),
    done: new Set(done),
  };
}

/** JSON has no ∞. */
function numberOut(value: number): EncodedNumber {
  return Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity';
}
