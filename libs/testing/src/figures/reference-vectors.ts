import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { vectorFamilies, type VectorFamily } from './vector-families.js';

/** A reference value of another implementation, as the shared vector files hold it. */
export interface Vector {
  readonly id: string;
  readonly method: string;
  readonly inputs: Readonly<Record<string, never>>;
  readonly expected: unknown;
  /** The same with all its digits, where `expected` was published rounded: then 1e-9 is asked for. */
  readonly expected_full?: unknown;
  readonly tolerance: number;
  readonly tolerance_kind: 'absolute' | 'relative';
}

const folder = new URL('../../../../../shared/vectors/', import.meta.url);
const FULL_TOLERANCE = 1e-9;

/** A file of vectors; null where it is not there (a checkout without the shared folder). */
export function readVectors<T = Vector[]>(name: string): T | null {
  const file = new URL(name, folder);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}

export const statisticsVectors = readVectors('statistics.json');

export function isInFamily(id: string, family: VectorFamily): boolean {
  return vectorFamilies[family].some((prefix) => id.startsWith(prefix));
}

/**
 * One test per vector of the family: what `reach` computes from a vector has to hold the expected values, leaf by leaf.
 * `reach` returns the same shape as `expected`; it is handed the expected value only for its shape and keys.
 */
export function describeVectors(family: VectorFamily, reach: (vector: Vector) => unknown): void {
  const vectors = statisticsVectors?.filter(({ id }) => isInFamily(id, family)) ?? null;
  describeWith(vectors, `reference vectors: ${family}`, (present) => {
    it.each(present.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
      expectVector(vector, reach(vector));
    });
  });
}

/** Tests that need reference vectors; where those are absent, one test that shows as skipped. */
export function describeWith<T>(vectors: T | null, name: string, tests: (vectors: NonNullable<T>) => void): void {
  if (vectors) describe(name, () => tests(vectors));
  else describe.skip(name, () => it('needs reference vectors, which are absent', () => undefined));
}

/** Every leaf of `expected` within the vector's tolerance, and every leaf of `expected_full` within 1e-9. */
export function expectVector(
  { id, expected, expected_full, tolerance, tolerance_kind }: Vector,
  reached: unknown,
): void {
  compare(id, reached, expected, { tolerance, tolerance_kind });
  if (expected_full !== undefined && expected_full !== null) {
    compare(`${id} (all digits)`, reached, expected_full, { tolerance: FULL_TOLERANCE, tolerance_kind: 'absolute' });
  }
}

function compare(
  at: string,
  reached: unknown,
  wanted: unknown,
  within: Pick<Vector, 'tolerance' | 'tolerance_kind'>,
): void {
  if (typeof wanted === 'number') {
    expect(typeof reached, `${at}: type`).toBe('number');
    const { tolerance, tolerance_kind } = within;
    const allowed = tolerance_kind === 'relative' ? tolerance * Math.abs(wanted) : tolerance;
    expect(
      Math.abs((reached as number) - wanted),
      `${at}: ${String(reached)} instead of ${wanted}`,
    ).toBeLessThanOrEqual(
      // A vector of tolerance 0 is about integers and names; doubles still round.
      Math.max(allowed, 4 * Number.EPSILON * Math.abs(wanted)),
    );
  } else if (wanted !== null && typeof wanted === 'object') {
    for (const [key, value] of Object.entries(wanted)) {
      compare(`${at}.${key}`, (reached as Record<string, unknown>)[key], value, within);
    }
  } else expect(reached, at).toEqual(wanted);
}
