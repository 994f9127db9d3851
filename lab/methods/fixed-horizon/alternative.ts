import { normalLowerTail, normalUpperTail } from '#libs/statistics';
import { studentTLowerTail, studentTUpperTail } from '../distributions/student-t.js';

/** What is held to be true when the test rejects, said of the first sample: it differs, it is greater, it is less. */
export type Alternative = 'two-sided' | 'greater' | 'less';

/** p-value of a statistic that is Student's t with `df` degrees of freedom under the null. */
export function studentTP(statistic: number, df: number, alternative: Alternative): number {
  switch (alternative) {
    case 'two-sided':
      return Math.min(1, 2 * studentTUpperTail(Math.abs(statistic), df));
    case 'greater':
      return studentTUpperTail(statistic, df);
    case 'less':
      return studentTLowerTail(statistic, df);
    default:
      return alternative satisfies never;
  }
}

/** p-value of a statistic that is standard normal under the null. */
export function normalP(statistic: number, alternative: Alternative): number {
  switch (alternative) {
    case 'two-sided':
      return Math.min(1, 2 * normalUpperTail(Math.abs(statistic)));
    case 'greater':
      return normalUpperTail(statistic);
    case 'less':
      return normalLowerTail(statistic);
    default:
      return alternative satisfies never;
  }
}
