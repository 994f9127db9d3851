import { closest } from './closest.js';
import type { Complain } from './file-problems.js';
import type { Margin } from './spec.js';

/** What an experiment file may say of a metric. */
export interface KnownMetric {
  /** `quality.*` stands for every name with that beginning. */
  readonly name: string;
  /**
   * `decides`: guardrail and objective; `decides-by-ratio`: the same, but a margin has to be a percentage of control's value; `only-warns`:
   * may be watched and nothing else, since it proves no margin.
   */
  readonly use: 'decides' | 'decides-by-ratio' | 'only-warns';
  /** Which way is better. */
  readonly direction: 'higher' | 'lower';
  /** The largest worsening there can be, in the metric's own unit; null where there is no limit. */
  readonly largestEffect: number | null;
  /** Whether differences may be given in percentage points. */
  readonly isShare: boolean;
  /** Its own unit, in which absolute margins may be written, as `ms`; absent: a plain number. */
  readonly unit?: string;
  /** What a relative margin allows at least where the file doesn't say, in the metric's own unit; absent: nothing. */
  readonly floor?: number;
  /** Whether it may have an absolute limit: what one variant's values say alone. */
  readonly limits?: boolean;
  /** Between which its values lie; absent: anywhere. */
  readonly range?: readonly [number, number];
  /** Whether its bounds leave no value above 0, of which a percentage could be taken. */
  readonly isNeverPositive?: boolean;
  /** Every unit has an amount of it, which may be a part of a quotient; absent: no. */
  readonly isPerUnit?: true;
  /** Pairs of shadow traffic say nothing of it, as of all that people do with their pictures; absent: they do. */
  readonly isUnpaired?: true;
  /** Pairs of shadow traffic alone say something of it; absent: what was drawn does too. */
  readonly isOfPairsAlone?: true;
  /** It guards every canary that doesn't turn it off, with this margin where the file names none; absent: it guards where it is named. */
  readonly guardsCanaries?: Margin;
  /** It does so only where the canary guards or aims at a metric of pictures; absent: always. */
  readonly guardsWith?: 'a-metric-of-pictures';
  /** It is read from what the scorer says of pictures. */
  readonly isOfPictures?: true;
}

/** The metric of that name; undefined: there is none. */
export function findMetric(name: string, known: readonly KnownMetric[]): KnownMetric | undefined {
  return (
    known.find((metric) => metric.name === name && !name.endsWith('.*')) ??
    known.find((metric) => {
      const beginning = metric.name.slice(0, -1);
      return metric.name.endsWith('.*') && name.startsWith(beginning) && name.length > beginning.length;
    })
  );
}

/** Checks that a metric may be used at `path`. A misspelt metric is an error here, not a silent pass later. */
export function checkMetricName(
  name: string,
  place: { readonly path: readonly PropertyKey[]; readonly mayOnlyWarn: boolean },
  known: readonly KnownMetric[],
  complain: Complain,
): void {
  const found = findMetric(name, known);
  if (found?.use === 'only-warns' && !place.mayOnlyWarn) {
    complain(place.path, `metric "${name}" can only be watched: it warns, but proves nothing; move it to "watch"`);
  }
  if (found) return;
  const names = known.filter(({ use }) => place.mayOnlyWarn || use !== 'only-warns').map((metric) => metric.name);
  const [nearest] = closest(name, names, 1);
  const hint = nearest === undefined ? '' : `; nearest: ${nearest}`;
  complain(place.path, `unknown metric "${name}"; expected one of: ${names.join(', ')}${hint}`);
}
