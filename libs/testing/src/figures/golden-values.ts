import { describe, expect, it } from 'vitest';

/** A list of numbers; what is missing is no number, and so never within any tolerance. */
export type Numbers = readonly (number | null | undefined)[];

/** What another implementation gave for the arguments, as `lab/golden` wrote it. */
interface GoldenValue {
  readonly function: string;
  readonly arguments: readonly unknown[];
  readonly value: readonly number[];
}

/** One test per function: ours gives the same numbers, in the same order, each within `allowed` of the other implementation's. */
export function describeGolden(
  area: string,
  values: readonly GoldenValue[],
  ours: Readonly<Record<string, (...args: never[]) => Numbers>>,
  allowed: (wanted: number, name: string) => number,
): void {
  describe(`golden values of ${area}`, () => {
    for (const name of new Set(values.map((value) => value.function))) {
      it(name, () => {
        const compute = ours[name] as (...args: unknown[]) => Numbers;
        for (const { function: of, arguments: given, value } of values) {
          if (of !== name) continue;
          const reached = compute(...given);
          expect(reached).toHaveLength(value.length);
          for (const [index, wanted] of value.entries()) {
            const error = Math.abs((reached[index] ?? Number.NaN) - wanted);
            const at = `${name}(${JSON.stringify(given)})[${index}]: ${reached[index]} instead of ${wanted}`;
            expect(error, at).toBeLessThanOrEqual(allowed(wanted, name));
          }
        }
      });
    }
  });
}
