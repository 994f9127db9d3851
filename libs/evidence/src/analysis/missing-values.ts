import { isPreference } from '../catalogue/definition.js';
import { type Arm, lnEDifferent, logMeanExp, rejects } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { MetricPresence, Presence } from '../fold/presence.js';
import { judgeMetric } from '../kinds/metric-evidence.js';
import type { JudgeContext, Judgement } from '../kinds/method.js';
import { SMALLEST_GAP } from './trust.js';

/** What is wrong with the values of a metric, whatever the tests make of those that came. */
export type ValueFault = 'missing-more-often' | 'outside-bounds';

/** Shares of a pair's units that have a value. */
export interface ValueReading {
  /** Null where no unit should have one yet, and for what people do of their own accord. */
  readonly share: Readonly<Record<Arm, number | null>>;
  readonly fault: ValueFault | null;
}

/** Of what people give of their own accord, as many more in one variant, as a share of the other's, change who speaks. */
const LARGEST_SELECTION = 0.2;
/** So much of a tail that is missing hides too much of it. */
const HIDDEN_TAIL = 0.2;
/** Where more values than this lie outside the bounds, the bounds are those of something else. */
const MOST_OUTSIDE = 0.5;
/** Values before bounds are doubted. */
const FEWEST_VALUES = 5;

/**
 * Whether the values of a metric are those of everybody. A variant's missing values are those of who failed, was slow or gave up, so the
 * share of units without one is compared by the tilt on "missing" at level α, for the metric and for its topic; e-values of the two, which
 * depend on each other, are averaged. What people give of their own accord is compared by the tilt on giving it.
 * Bounds outside of which most values lie make constants of them, and equal constants prove nothing.
 *
 * Assumes that values come as late in both variants; the topic's are compared once they are old enough, those of an event by that event.
 * Where a metric was added to evidence under way the shares are too high by what was missing before; the test is not.
 */
export function readValues(
  metric: MetricDesign,
  presence: Presence,
  judgement: Judgement,
  context: JudgeContext,
): ValueReading {
  if (metric.parts) return worstOf(metric.parts, presence, context);
  const { topic, kind, name } = metric.definition;
  if (metric.test === null || kind === 'incidence' || isPreference(kind)) return UNKNOWN;
  const own = presence.metrics.get(name);
  const { share, lnE } =
    topic === 'feedback.recorded.v1'
      ? given(own, judgement, context.unitsSeen(name))
      : arrived(own, presence, metric, context);
  if (isOutside(own, judgement)) return { share, fault: 'outside-bounds' };
  const isGap = rejects(lnE, context.alpha) && isLarge(share, metric);
  return { share, fault: isGap ? 'missing-more-often' : null };
}

/** Nothing is known of a quotient of which a part can't be trusted. */
function worstOf(parts: readonly MetricDesign[], presence: Presence, context: JudgeContext): ValueReading {
  const readings = parts.map((part) => {
    const state = context.states.get(part.definition.name) as Parameters<typeof judgeMetric>[0] | undefined;
    return readValues(part, presence, judgeMetric(state ?? null, part, context), context);
  });
  return { ...UNKNOWN, fault: readings.find(({ fault }) => fault !== null)?.fault ?? null };
}

const UNKNOWN: ValueReading = { share: { control: null, candidate: null }, fault: null };

interface Comparison {
  readonly share: Readonly<Record<Arm, number | null>>;
  /** ln E against "values are missing equally often". */
  readonly lnE: number;
}

function given(own: MetricPresence | undefined, { units }: Judgement, seen: Readonly<Record<Arm, number>>): Comparison {
  const shareOf = (arm: Arm): number | null => (seen[arm] === 0 ? null : Math.min(1, units[arm] / seen[arm]));
  const share = { control: shareOf('control'), candidate: shareOf('candidate') };
  return { share, lnE: own ? lnEDifferent(own.given, 0) : 0 };
}

/** Of the answered units those with an event of the topic, and of these those with a value in it. */
function arrived(
  own: MetricPresence | undefined,
  { delivered }: Presence,
  { definition: { topic } }: MetricDesign,
  { coverage }: JudgeContext,
): Comparison {
  const ofTopic = delivered.get(topic as 'request.routed.v1');
  const reading =
    topic === 'generation.completed.v1'
      ? coverage('generated')
      : topic === 'image.scored.v1'
        ? coverage('scored')
        : null;
  const share = { control: shareOf('control'), candidate: shareOf('candidate') };
  const lnE = own ? lnEDifferent(own.missing, 0) : 0;
  return { share, lnE: reading === null ? lnE : logMeanExp([lnE, reading.lnE]) };

  function shareOf(arm: Arm): number | null {
    const came = ofTopic?.[arm] ?? 0;
    const lost = own?.lost[arm] ?? 0;
    const missing = missingOf(own, arm);
    const answered = reading?.answered[arm] ?? 0;
    if (reading === null || answered === 0) {
      return came + lost === 0 ? null : Math.max(0, 1 - missing / (came + lost));
    }
    // What was lost is not among the covered, so it counts there and not again.
    const ofCovered = came === 0 ? 1 : Math.max(0, 1 - (missing - lost) / came);
    return (reading.covered[arm] / answered) * ofCovered;
  }
}

function missingOf(own: MetricPresence | undefined, arm: Arm): number {
  let sum = 0;
  for (const cell of own?.missing.hits.values() ?? []) sum += cell[arm];
  return sum;
}

/** A gap that can't matter is none, however sure it is. */
function isLarge({ control, candidate }: ValueReading['share'], { definition, test }: MetricDesign): boolean {
  if (control === null || candidate === null) return false;
  const gap = Math.abs(control - candidate);
  if (definition.topic === 'feedback.recorded.v1') return gap > LARGEST_SELECTION * Math.max(control, candidate);
  switch (definition.kind) {
    case 'upper-tail':
      return gap >= Math.min(SMALLEST_GAP, HIDDEN_TAIL * (1 - definition.level));
    case 'lower-tail':
      return gap >= Math.min(SMALLEST_GAP, HIDDEN_TAIL * definition.level);
    case 'rate': {
      const margin = test?.margin;
      return (
        gap >= (margin?.kind === 'absolute' && margin.value > 0 ? Math.min(SMALLEST_GAP, margin.value) : SMALLEST_GAP)
      );
    }
    default:
      return gap >= SMALLEST_GAP;
  }
}

function isOutside(own: MetricPresence | undefined, { units }: Judgement): boolean {
  if (own === undefined) return false;
  return (['control', 'candidate'] as const).some(
    (arm) => units[arm] >= FEWEST_VALUES && own.outside[arm] > MOST_OUTSIDE * units[arm],
  );
}
