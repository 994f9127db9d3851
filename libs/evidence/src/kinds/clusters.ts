import type { QueueRule } from '../catalogue/evidence-design.js';

/**
 * How much control's bad events (values beyond its limit) come together: so many pairs of them follow each other closely, beside as many as there would be were each value
 * bad by itself. A process that is nearly busy has a queue that lasts for seconds once it is there, and of a variant with such a process whole stretches are slow by chance.
 *
 * A pair counts by e^(−distance ÷ reach). Its ratio is a pair correlation function, integrated (Ripley, J. Appl. Prob. 13, 1976): 1 for independent events however
 * many there are, and the same in every part of a log that is divided by units.
 *
 * State of one partition; a merged one is for judging only.
 */
export interface Clusters {
  /** Control's values so far, each weighted by e^(−age ÷ reach) as of `atMs`; and the bad ones. */
  near: number;
  nearBad: number;
  /** Time of the newest value, ms since 1970. */
  atMs: number;
  /** Over the bad values: `near` and `nearBad` of the moment. */
  around: number;
  pairs: number;
  values: number;
  bad: number;
}

/** Weight of "no clusters" beside what was seen, in pairs. */
const PRIOR_PAIRS = 10;
/** Up to this ratio values count as independent: the limit is estimated, and traffic is never quite even. */
const INDEPENDENT = 1.2;
/** From this ratio on they count as coming in clusters. */
const CLUSTERED = 1.4;

export function initialClusters(): Clusters {
  return { near: 0, nearBad: 0, atMs: 0, around: 0, pairs: 0, values: 0, bad: 0 };
}

/** A value of control, in place. @param reachMs how far apart values belong together. */
export function noteForClusters(
  clusters: Clusters,
  { isBad, atMs, reachMs }: { readonly isBad: boolean; readonly atMs: number; readonly reachMs: number },
): void {
  // Events of several sources come out of order: what is older than the newest is as new.
  const age = clusters.values === 0 ? 0 : Math.max(0, atMs - clusters.atMs);
  const kept = reachMs > 0 ? Math.exp(-age / reachMs) : 0;
  clusters.near *= kept;
  clusters.nearBad *= kept;
  clusters.atMs = Math.max(clusters.atMs, atMs);
  if (isBad) {
    clusters.around += clusters.near;
    clusters.pairs += clusters.nearBad;
    clusters.nearBad += 1;
    clusters.bad += 1;
  }
  clusters.near += 1;
  clusters.values += 1;
}

/** 0: bad values are independent of each other; 1: they come in clusters. */
export function clustering({ pairs, around, values, bad }: Clusters): number {
  if (values === 0) return 0;
  const ratio = (pairs + PRIOR_PAIRS) / ((around * bad) / values + PRIOR_PAIRS);
  return Math.min(1, Math.max(0, (ratio - INDEPENDENT) / (CLUSTERED - INDEPENDENT)));
}

/** A queue lasts for so many times what all but few of control's requests take, where its variant has half of the traffic: simulated, see ADR 47. */
const QUEUE_LASTS = 3;

/** How long an episode lasts for the sake of queues where both variants have half of the traffic, ms; 0 where nothing says that there are any. */
export function queueMs(clusters: Clusters, queues: QueueRule | undefined, limit: number | null): number {
  if (queues === undefined || limit === null) return 0;
  return QUEUE_LASTS * queues.unitMs * queues.partitions * limit * clustering(clusters);
}

/** A value of control, in place: its slow requests say whether the service has queues. */
export function noteForQueues(
  clusters: Clusters,
  queues: QueueRule | undefined,
  limit: number | null,
  { value, atMs }: { readonly value: number; readonly atMs: number },
): void {
  if (queues === undefined || limit === null) return;
  noteForClusters(clusters, { isBad: value > limit, atMs, reachMs: QUEUE_LASTS * queues.unitMs * limit });
}
