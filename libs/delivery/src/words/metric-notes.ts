import {
  comparedWith,
  DEFAULT_WARM_UP,
  type ExperimentSpec,
  type LimitReading,
  type MetricAnalysis,
} from '#libs/contracts';
import { amountInUnit } from './comparison.js';
import { longTailWords } from './long-tail.js';
import { duration, number, percentOf } from './numbers.js';

/** What belongs beside a metric's figures: what they leave out, rest on, or are held against besides. */
export interface MetricNote {
  /** Whether somebody has to look at it. */
  readonly isWarning: boolean;
  readonly message: string;
}

/** Empty where there is nothing to add. */
export function metricNotes(spec: ExperimentSpec, metric: MetricAnalysis): readonly MetricNote[] {
  const control = comparedWith(spec);
  return [
    ...limitNote(metric, control, spec.alpha),
    ...withValueNote(metric, control),
    ...longTailNote(metric, control),
    ...laterValuesNote(metric, spec),
    ...leftOutNote(metric, control),
    ...warmUpNote(metric, spec),
  ];
}

function limitNote({ limit, unit, candidate }: MetricAnalysis, control: string, alpha: number): readonly MetricNote[] {
  if (limit === undefined) return [];
  const side = limit.kind === 'at-most' ? 'At most' : 'At least';
  const readings = [limitReading(candidate, limit.candidate, alpha), limitReading(control, limit.control, alpha)];
  return [
    {
      isWarning: [limit.candidate, limit.control].some(
        ({ verdict, isBrokenNow }) => verdict === 'beyond' || isBrokenNow,
      ),
      message: `${side} ${amountInUnit(limit.value, unit)} is allowed, whatever the other variant does: ${readings.join('; ')}.`,
    },
  ];
}

function limitReading(name: string, { verdict, isBrokenNow, units, lnE }: LimitReading, alpha: number): string {
  if (units === 0) return `${name} has no value yet`;
  const needed = number(-Math.log(alpha));
  switch (verdict) {
    case 'beyond':
      return `${name} is proven beyond it (ln E ${number(lnE.beyond)}; ${needed} needed)`;
    case 'within':
      return `${name} is proven within it (ln E ${number(lnE.within)}; ${needed} needed)`;
    case 'undecided':
      return isBrokenNow
        ? `${name} is beyond it now, whatever was before`
        : `${name} is not proven within it yet (ln E ${number(lnE.within)}; ${needed} needed)`;
    default:
      return verdict satisfies never;
  }
}

/** A smaller share of the units without a value goes without saying, unless a verdict rests on it. */
const WORTH_SAYING = 0.01;

function withValueNote({ withValue, reason, candidate }: MetricAnalysis, control: string): readonly MetricNote[] {
  const { control: ofControl = null, candidate: ofCandidate = null } = withValue ?? {};
  if (ofControl === null || ofCandidate === null) return [];
  const isFault = reason === 'missing-more-often';
  if (!isFault && Math.min(ofControl, ofCandidate) > 1 - WORTH_SAYING) return [];
  const message = `With a value: ${percentOf(ofCandidate)} of the units of ${candidate}, ${percentOf(ofControl)} of ${control}’s.`;
  return [{ isWarning: isFault, message }];
}

/** A tail that a proof waits for is a warning; any other is only named. */
function longTailNote(metric: MetricAnalysis, control: string): readonly MetricNote[] {
  const message = longTailWords(metric, control).trimStart();
  return message === '' ? [] : [{ isWarning: metric.reason === 'tail-beyond-bounds', message }];
}

/** So large a part of a variant's values has to be later ones of the same units before it is said that they are not judged. */
const MANY_LATER = 0.2;

/** A unit that comes back is no new draw, and a mean has no first bad event (see the decision on later harm). */
function laterValuesNote(
  { kind, role, n, candidate }: MetricAnalysis,
  { unit }: ExperimentSpec,
): readonly MetricNote[] {
  const isDecisive = role === 'guardrail' || role === 'objective';
  const later = n.candidate.events - n.candidate.units;
  if (!isDecisive || (kind !== 'mean' && kind !== 'ratio') || later < MANY_LATER * n.candidate.events) return [];
  const counts = `${number(later)} of ${number(n.candidate.events)} values of ${candidate} are later ones`;
  return [
    {
      isWarning: false,
      message: `Judged by the first value of each ${unit}: ${counts}, in which no harm is looked for. Rates and tails look there too: guard wrong-pictures beside alignment, latency-p95 beside mean times.`,
    },
  ];
}

function leftOutNote({ leftOut, n, candidate }: MetricAnalysis, control: string): readonly MetricNote[] {
  if (leftOut === undefined) return [];
  const ofCandidate = `${number(leftOut.candidate)} of ${number(n.candidate.events)} values of ${candidate}`;
  const ofControl = `${number(leftOut.control)} of ${number(n.control.events)} of ${control}`;
  return [
    {
      isWarning: false,
      message: `Not counted for harm: ${ofCandidate} and ${ofControl}. They came shortly after a bad one, and one stall counts once.`,
    },
  ];
}

function warmUpNote({ warmUp: cold, candidate }: MetricAnalysis, spec: ExperimentSpec): readonly MetricNote[] {
  const { warmUp = DEFAULT_WARM_UP } = spec;
  if (cold === undefined || warmUp === 'off') return [];
  const start = `its first ${number(warmUp.requests)} requests or ${duration(warmUp.forMs)}`;
  const counts = `${number(cold.candidate)} values of ${candidate} and ${number(cold.control)} of ${comparedWith(spec)}`;
  return [
    {
      isWarning: false,
      message: `Left out: ${counts}. They came while one of the two, or an instance of it, was starting (${start}). Errors and pictures of that time count.`,
    },
  ];
}
