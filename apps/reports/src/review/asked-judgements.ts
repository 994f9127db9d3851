import { candidatesOf, type ExperimentAnalysed, type ExperimentSpec } from '#libs/contracts';

/** What a stage of the ramp asks of people who judge pictures. */
export interface AskedJudgements {
  readonly weightPpm: number;
  readonly judgements: number;
  /** Of the candidate that was judged least, by everybody. */
  readonly given: number;
}

/** The next stage that asks for judgements; null where none does, or all that is asked for is given. */
export function askedJudgements(
  spec: ExperimentSpec,
  analysis: ExperimentAnalysed | undefined,
): AskedJudgements | null {
  const { stage: now = 0, judgements: found = {} } = analysis ?? {};
  const given = Math.min(...candidatesOf(spec).map((candidate) => found[candidate] ?? 0));
  // The first stage asks only after a shadow, which is before it.
  const next = spec.ramp.stages.find(
    ({ judgements }, index) => (index > now || index === 0) && judgements !== undefined && judgements > given,
  );
  return next?.judgements === undefined ? null : { weightPpm: next.weightPpm, judgements: next.judgements, given };
}
