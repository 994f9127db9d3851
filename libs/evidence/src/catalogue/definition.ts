import type { DataOf, Margin } from '#libs/contracts';
import { USUAL_REACH } from '#libs/statistics';

/** Topics whose events become observations. */
export type ObservedTopic =
  | 'request.routed.v1'
  | 'generation.completed.v1'
  | 'image.scored.v1'
  | 'feedback.recorded.v1'
  | 'preference.judged.v1';

export const OBSERVED_TOPICS: readonly ObservedTopic[] = [
  'request.routed.v1',
  'generation.completed.v1',
  'image.scored.v1',
  'feedback.recorded.v1',
  'preference.judged.v1',
];

/** Topics whose events are about one request; a judgement of raters is about two pictures. */
export type RequestTopic = Exclude<ObservedTopic, 'preference.judged.v1'>;

/**
 * How a metric is judged. Those that decide:
 * - `rate`: share of units whose first value is 1; values 0 and 1.
 * - `mean`: mean of the units' first values.
 * - `upper-tail`: a quantile of control (its 95th percentile where no `level` is named), by how often values exceed it; +∞ is a value.
 * - `lower-tail`: how often values fall below a quantile of control (its 2nd percentile), and for harm far below it.
 * - `ratio`: sum of values per sum of denominators over units.
 * - `incidence`: share of units with an event at all, where those without one send nothing.
 * - `quotient`: of two metrics per unit, by what is proven of them.
 * - `preference`: how often people prefer the candidate's picture.
 * - `predicted-preference`: how probably they would, by the scorer's model, in pairs of shadow traffic.
 *
 * Those that only warn, since they test equality and can prove no margin:
 * - `shift`: whether values tend to be higher in one variant, anywhere in their distribution.
 * - `distribution`: whether pictures differ in any direction that their embeddings show.
 * - `diversity`: how different a variant's pictures are among themselves; shown only.
 * - `coverage`: share of the answered units that got a score; the health of the numbers judges it.
 */
export type MetricKind = MetricDefinition['kind'];

/**
 * Whether pairs of shadow traffic say anything of such a metric: not of what people do with their pictures, since nobody sees the copies, nor of what
 * a unit's requests come to together. People's comparisons are of pairs by themselves.
 */
export function mayBePaired({
  kind,
  topic,
  windowMs,
}: Pick<Described & { topic: string; kind: MetricKind }, 'kind' | 'topic' | 'windowMs'>): boolean {
  return (
    canDecide(kind) &&
    kind !== 'incidence' &&
    kind !== 'quotient' &&
    topic !== 'feedback.recorded.v1' &&
    windowMs === undefined
  );
}

/** Whether its values are about two pictures: people's comparisons, or those of a model that learnt them. */
export function isPreference(kind: MetricKind): kind is 'preference' | 'predicted-preference' {
  return kind === 'preference' || kind === 'predicted-preference';
}

/** Whether metrics of this kind may guard or be an objective; the others may be watched. */
export function canDecide(kind: MetricKind): boolean {
  switch (kind) {
    case 'rate':
    case 'mean':
    case 'upper-tail':
    case 'lower-tail':
    case 'ratio':
    case 'incidence':
    case 'preference':
    case 'predicted-preference':
    case 'quotient':
      return true;
    case 'shift':
    case 'distribution':
    case 'diversity':
    case 'coverage':
      return false;
    default:
      return kind satisfies never;
  }
}

/**
 * What an event says about a metric: a value; nothing (null); that the value this metric waits for will never come, which the metric's
 * {@link LateData} turns into something; that there is none, and nobody knows what it would have been (`unknown`: there was no picture);
 * or only that it would have been larger (a client left after that time). Upper tails alone make something of the last two.
 */
export type Observed = number | null | 'never-came' | 'unknown' | MoreThan | JudgedElsewhere;

/**
 * The event is an event of another metric (a blank picture is one of `blank-rate`). Where that one guards, this one says nothing of it; where
 * it doesn't, a value is missing, so that nothing that leaves a mean leaves the judgement.
 */
export interface JudgedElsewhere {
  readonly judgedBy: string;
}

/** A censored value: the true one is larger. */
export interface MoreThan {
  readonly moreThan: number;
}

/** What the fold knows of an event beside its data. */
export interface EventFacts {
  /** A picture with the same bytes as a recent one of the same variant from another generation. */
  readonly isDuplicate: boolean;
}

/**
 * What becomes of values that come late or never. Whatever the rule, only a unit's first value decides.
 * - `infinite`: what never came took longer than anything: +∞. For durations; leaving it out would make a hanging variant look fast.
 * - `missing-is-coverage`: what never came is left out here and counted by the coverage, which holds the ramp where it differs.
 * - `first-only`: comes whenever people like; the first value of a unit counts however late it is, later ones are events only.
 * - `ignored-after-stage`: values whose request was assigned in an earlier stage than the newest one seen are left out. For what depends
 *   on the load a variant has, which changes with its share.
 */
export type LateData = 'infinite' | 'missing-is-coverage' | 'first-only' | 'ignored-after-stage';

/**
 * How values are bounded for the test that decides: `spreads` standard deviations of control's first units around their mean, and wider
 * bounds around those, more where a variant turns out to spread further, never beyond the metric's natural limits; fixed bounds; or not
 * at all, where the test counts events.
 */
export type Cap =
  | {
      readonly kind: 'baseline';
      readonly spreads: number;
      readonly limits?: { readonly lo: number; readonly hi: number };
    }
  | { readonly kind: 'fixed'; readonly lo: number; readonly hi: number }
  | { readonly kind: 'none' };

interface Described {
  /** Its evidence is kept under this name: a metric that measures something else than before gets another one. */
  readonly name: string;
  /** What an experiment's own metric reads, which may change under its name; undefined for built-in ones. */
  readonly reads?: string;
  /** One sentence for people: what is measured, and of what. */
  readonly description: string;
  readonly unit: string;
  readonly direction: 'higher' | 'lower';
  /** What a metric is where the experiment doesn't name it. */
  readonly defaultRole: 'observed';
  /** What `effect` is: candidate − control, their ratio − 1, ln of the ratio of their rates, or P(candidate higher) − ½. */
  readonly scale: 'difference' | 'relative' | 'ln-rate-ratio' | 'probability';
  /** What people usually accept; the experiment file says what holds. */
  readonly defaultMargin: Margin;
  /**
   * What a relative margin allows at least where the file names no floor, in the metric's unit: a difference nobody minds. Null where there
   * can be none: for an experiment's own metric, whose unit says nothing, and where shares are judged by their ratio.
   */
  readonly floor: number | null;
  /**
   * It guards with that margin unless the file turns it off by name: every canary; or those that guard or aim at a metric of its pictures, whose
   * values it takes out of their means.
   */
  readonly guards?: { readonly canariesWith: 'anything' | 'a-metric-of-pictures'; readonly margin: Margin };
  readonly cap: Cap;
  /** Values above this quantile of control's recent ones count as it; absent: none do. */
  readonly capAt?: number;
  /** Units of each variant before an interval is shown: those of rates and means are asymptotic, see the methods. */
  readonly burnInUnits: number;
  /** Of a total: its value is what a unit's events add up to within so many ms of its first one. Absent: every event has a value. */
  readonly windowMs?: number;
  readonly lateData: LateData;
  /** It says how fast a variant answers: what comes while one starts is not judged, see {@link WarmUpRule}. */
  readonly isJudgedWarm?: true;
}

type Reads<T extends ObservedTopic, Value> = (data: DataOf<T>, facts: EventFacts) => Value;

interface Of<T extends ObservedTopic> extends Described {
  readonly topic: T;
}

interface ScalarOf<T extends ObservedTopic> extends Of<T> {
  readonly kind: 'rate' | 'mean' | 'incidence' | 'shift';
  readonly observe: Reads<T, Observed>;
}

interface TailOf<T extends ObservedTopic> extends Of<T> {
  readonly kind: 'upper-tail' | 'lower-tail';
  /** The quantile of control it is about. */
  readonly level: number;
  readonly observe: Reads<T, Observed>;
}

interface RatioOf<T extends ObservedTopic> extends Of<T> {
  readonly kind: 'ratio';
  /** The numerator. */
  readonly observe: Reads<T, Observed>;
  readonly denominator: Reads<T, number | null>;
}

interface EmbeddingOf<T extends ObservedTopic> extends Of<T> {
  readonly kind: 'distribution' | 'diversity';
  /** float16 little endian, base64. */
  readonly embedding: Reads<T, string | null>;
}

interface PreferenceOf extends Of<'preference.judged.v1'> {
  readonly kind: 'preference';
}

/** Of the two pictures of a pair together: neither event says anything of it by itself. */
interface PredictedPreferenceOf extends Of<'image.scored.v1'> {
  readonly kind: 'predicted-preference';
}

/** Of two metrics per unit, in the metrics' order: it reads no events itself. */
interface QuotientOf extends Of<RequestTopic> {
  readonly kind: 'quotient';
  readonly parts: readonly [of: string, per: string];
}

interface CoverageOf extends Of<'image.scored.v1'> {
  readonly kind: 'coverage';
}

/** Definitions of metrics that read the events of one topic. */
export type DefinitionOf<T extends RequestTopic> = ScalarOf<T> | TailOf<T> | RatioOf<T> | EmbeddingOf<T>;

/** One metric, complete: how its events become observations, and how those are judged. */
export type MetricDefinition =
  | { [T in RequestTopic]: DefinitionOf<T> }[RequestTopic]
  | PreferenceOf
  | PredictedPreferenceOf
  | CoverageOf
  | QuotientOf;

export type TailMetric = Extract<MetricDefinition, { readonly level: number }>;

/** Units per variant before an asymptotic interval is drawn. */
export const USUAL_BURN_IN = 100;

/** Values are clipped this many standard deviations of the baseline from its mean: rarely, and the same for both variants. */
export const USUAL_CAP: Cap = { kind: 'baseline', spreads: USUAL_REACH };

/** The same for what can't be negative: seconds, memory, cost. */
export const AMOUNT_CAP: Cap = { kind: 'baseline', spreads: USUAL_REACH, limits: { lo: 0, hi: Infinity } };

/** The same for cosines. */
export const COSINE_CAP: Cap = { kind: 'baseline', spreads: USUAL_REACH, limits: { lo: -1, hi: 1 } };

/** For what takes pictures out of the means. The share it may rise by is to be proven about as soon as delivery-rate's, at usual rates of control. */
export function guardsPictures(share: number): NonNullable<Described['guards']> {
  return { canariesWith: 'a-metric-of-pictures', margin: { kind: 'absolute', value: share } };
}
