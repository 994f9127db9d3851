import { candidatesOf, type ExperimentAnalysed, type ExperimentSpec } from '#libs/contracts';
import type { ActiveState } from '../state.js';
import { number, percent } from '../words/numbers.js';
import { stageWeightPpm } from '../allocation.js';

/** What says whether a stage is approved. */
type Approvable = Pick<ActiveState, 'spec' | 'approvedStages'>;

/**
 * Whether nobody has to approve a stage any more: a person has, or as many blinded judgements as it asks for are there of every candidate, and
 * they do not prove that people prefer control. Only stages of `explicit` ramps ask for approvals.
 */
export function isApproved({ spec, approvedStages }: Approvable, stage: number, analysis: ExperimentAnalysed): boolean {
  const asked = spec.ramp.stages[stage];
  if (asked?.approval !== 'required' || approvedStages.includes(stage)) return true;
  const { judgements } = asked;
  return judgements !== undefined && fewestJudgements(spec, analysis) >= judgements && !isOpposed(spec, analysis);
}

/** "a person to approve 25 %", "30 judgements of blinded pairs (12 so far) or a person to approve it". */
export function awaitedInWords(spec: ExperimentSpec, stage: number, analysis: ExperimentAnalysed): string {
  const share = percent(stageWeightPpm(spec, stage));
  const judgements = spec.ramp.stages[stage]?.judgements;
  if (judgements === undefined) return `a person to approve ${share}`;
  if (isOpposed(spec, analysis))
    return `a person to approve ${share}: by ${number(fewestJudgements(spec, analysis))} judgements of blinded pairs people prefer control, so they do not stand for it`;
  return `${number(judgements)} judgements of blinded pairs (${number(fewestJudgements(spec, analysis))} so far), or a person, to approve ${share}`;
}

/** " 31 judgements of blinded pairs stand for the approval."; nothing where a person has given it, or none was asked for. */
export function judgementsInWords(
  { spec, approvedStages }: Approvable,
  stage: number,
  analysis: ExperimentAnalysed,
): string {
  if (spec.ramp.stages[stage]?.judgements === undefined || approvedStages.includes(stage)) return '';
  return ` ${number(fewestJudgements(spec, analysis))} judgements of blinded pairs stand for the approval.`;
}

/** Of the candidate that was judged least: "no difference" is a judgement as well, one by the same person of the same prompt is not another. */
function fewestJudgements(spec: ExperimentSpec, { judgements = {} }: ExperimentAnalysed): number {
  return Math.min(...candidatesOf(spec).map((candidate) => judgements[candidate] ?? 0));
}

/** Whether it is proven of a candidate that people prefer control: its interval lies below "no preference" as a whole. */
function isOpposed(spec: ExperimentSpec, { metrics }: ExperimentAnalysed): boolean {
  const candidates = candidatesOf(spec);
  return metrics.some(
    ({ metric, candidate, interval }) =>
      metric === 'preference' && candidates.includes(candidate) && interval !== null && interval.high < 0,
  );
}
