import { candidatesOf, type ExperimentSpec } from '#libs/contracts';

/** Who is judged: a canary has one candidate, a test has variants with names. */
export function judgedInWords(spec: ExperimentSpec): string {
  return spec.kind === 'canary' ? 'the candidate' : candidatesOf(spec).join(' and ');
}
