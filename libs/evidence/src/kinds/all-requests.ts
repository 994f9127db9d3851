import type { Margin } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import { countOne } from './arm-counts.js';

/** How many requests of each variant there are, and which share of them has the event. */
export type EventShares = Readonly<Record<Arm, { readonly n: number; readonly share: number }>>;

/** No margin: any difference is worse. */
export const NO_MARGIN: Margin = { kind: 'absolute', value: 0 };

/**
 * Whether, by all requests, the candidate is worse than a margin allows. What is tested are units' first requests, and their first bad events:
 * a variant whose later requests fail is no better for its first ones, and one whose failures are spread over more people is no worse for
 * that. So proofs are withheld where all requests are worse, and harm that comes later counts only where they are. To prove less often than a test
 * does leaves it valid.
 * @param direction whether the event is bad (`lower`) or good
 * @param standardErrors by how many of its standard errors, as if requests were independent, the estimate has to lie beyond the margin
 */
export function isWorseByAll(
  { control, candidate }: EventShares,
  direction: 'higher' | 'lower',
  margin: Margin,
  standardErrors = 0,
): boolean {
  if (control.n === 0 || candidate.n === 0) return false;
  const [worse, other] = direction === 'lower' ? [candidate, control] : [control, candidate];
  const isBeyond = (factor: number, beside: number): boolean => {
    const error = Math.sqrt(variance(worse) + factor ** 2 * variance(other));
    return worse.share - factor * other.share - beside > standardErrors * error;
  };
  if (margin.kind === 'absolute') return isBeyond(1, margin.value);
  // A floor allows what either of the two allows.
  return isBeyond(1 + margin.value, 0) && (margin.floor === undefined || isBeyond(1, margin.floor));
}

function variance({ n, share }: EventShares[Arm]): number {
  return (share * (1 - share)) / n;
}

/** All requests of the newest window of the `RestartedTilt`, and those that have the event: half of all or more. */
export interface RecentRequests {
  window: number;
  readonly n: Record<Arm, number>;
  readonly events: Record<Arm, number>;
}

export function initialRecentRequests(): RecentRequests {
  return { window: 0, n: { control: 0, candidate: 0 }, events: { control: 0, candidate: 0 } };
}

/** Notes a request, in place. */
export function noteRecent(recent: RecentRequests, window: number, arm: Arm, isEvent: boolean): void {
  if (window > recent.window) {
    recent.window = window;
    recent.n.control = recent.n.candidate = recent.events.control = recent.events.candidate = 0;
  }
  countOne(recent.n, arm);
  if (isEvent) countOne(recent.events, arm);
}

/** Each part of the log has windows of its own: the newest of each count. */
export function mergeRecent(a: RecentRequests, b: RecentRequests): RecentRequests {
  const sum = (of: 'n' | 'events'): Record<Arm, number> => ({
    control: a[of].control + b[of].control,
    candidate: a[of].candidate + b[of].candidate,
  });
  return { window: Math.max(a.window, b.window), n: sum('n'), events: sum('events') };
}

/** Plain JSON. */
export function copyRecent({ window, n, events }: RecentRequests): RecentRequests {
  return { window, n: { ...n }, events: { ...events } };
}

/** How often requests have the event. */
export function sharesOfRequests({ n, events }: RecentRequests): EventShares {
  const of = (arm: Arm): EventShares[Arm] => ({ n: n[arm], share: n[arm] === 0 ? 0 : events[arm] / n[arm] });
  return { control: of('control'), candidate: of('candidate') };
}

/** A difference of so many standard errors is one that the requests show too, not only who made them. */
const SHOWN_BY = 2;

/** What units' first bad events say of harm, where all requests or the recent ones say the same of the rate. */
export function laterHarm(
  lnE: number,
  all: EventShares,
  recent: RecentRequests,
  { direction, margin }: { readonly direction: 'higher' | 'lower'; readonly margin: Margin },
): number {
  const isShown = [all, sharesOfRequests(recent)].some((shares) => isWorseByAll(shares, direction, margin, SHOWN_BY));
  return isShown ? lnE : Math.min(0, lnE);
}

/** Proofs that a metric is no worse, without those that all requests contradict. */
export function withoutContradicted<
  T extends {
    readonly nonInferior: number;
    readonly superior: number;
    readonly budget: readonly { readonly lnENonInferior: number }[];
  },
>(
  tests: T,
  all: EventShares,
  {
    direction,
    margin,
    budget,
  }: {
    readonly direction: 'higher' | 'lower';
    readonly margin: Margin;
    readonly budget: readonly { readonly margin: Margin }[];
  },
): T {
  const unless = (lnE: number, at: Margin): number => (isWorseByAll(all, direction, at) ? Math.min(0, lnE) : lnE);
  return {
    ...tests,
    nonInferior: unless(tests.nonInferior, margin),
    superior: unless(tests.superior, NO_MARGIN),
    budget: tests.budget.map((step, index) => ({
      ...step,
      lnENonInferior: unless(step.lnENonInferior, budget[index]?.margin ?? margin),
    })),
  };
}

/** A ratio of rates as the margin that allows it: margins of tails are ratios, whatever they are written as. */
export function asFactor(lnRatio: number): Margin {
  return { kind: 'relative', value: Math.expm1(lnRatio) };
}

/** A test's margins as the ratios of rates that they allow, for an event that is bad. */
export function asFactors(
  { margin, budget }: { readonly margin: Margin; readonly budget: readonly { readonly margin: Margin }[] },
  lnRatio: (margin: Margin) => number,
): { readonly direction: 'lower'; readonly margin: Margin; readonly budget: readonly { readonly margin: Margin }[] } {
  return {
    direction: 'lower',
    margin: asFactor(lnRatio(margin)),
    budget: budget.map((step) => ({ margin: asFactor(lnRatio(step.margin)) })),
  };
}
