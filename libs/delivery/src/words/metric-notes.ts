import { comparedWith, type ExperimentSpec, type MetricAnalysis } from '#libs/contracts';
import { number } from './numbers.js';

/** What belongs beside a metric's figures: each sentence says what they leave out or rest on. Empty where there is nothing to add. */
export function metricNotes(spec: ExperimentSpec, metric: MetricAnalysis): readonly string[] {
  return [...leftOutNote(metric, comparedWith(spec))];
}

function leftOutNote({ leftOut, n, candidate }: MetricAnalysis, control: string): readonly string[] {
  if (leftOut === undefined) return [];
  const ofCandidate = `${number(leftOut.candidate)} of ${number(n.candidate.events)} values of ${candidate}`;
  const ofControl = `${number(leftOut.control)} of ${number(n.control.events)} of ${control}`;
  return [
    `Not counted for harm: ${ofCandidate} and ${ofControl}. They came shortly after a bad one, and one stall counts once.`,
  ];
}
