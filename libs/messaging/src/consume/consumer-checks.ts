import type { Clock, HealthCheck, HealthFinding } from '#libs/platform';
import type { RecordBatch, Subscription } from '../event-bus.js';

/** How long something may last before a consumer is unwell; milliseconds. */
export interface ConsumerLimits {
  /** A handler shows no sign of life for so long, or the carrier is silent so long. */
  readonly stalledAfterMs: number;
  /** The handler fails on the same events. */
  readonly failingAfterMs: number;
  /** Between publishing an event and handling it. */
  readonly behindAfterMs: number;
}

/** What it means for an app that its bus is away: it can't do its work, or it works on without. */
export type BusAway = 'not-ready' | 'ready';

/** When a consumer is unwell. */
export interface ConsumerHealth extends ConsumerLimits {
  readonly busAway: BusAway;
}

/** A subscription with what is measured of it. */
export interface WatchedConsumer {
  readonly group: string;
  readonly subscription: Pick<Subscription, 'health' | 'lag'>;
  readonly delay: DelayWatch;
}

/** How old the events were when they were handled. */
export class DelayWatch {
  /** Of the event handled last, milliseconds. */
  lastMs = 0;

  constructor(private readonly clock: Clock) {}

  handled({ records }: RecordBatch): void {
    const last = records.at(-1);
    if (last) this.lastMs = this.clock.nowMs() - last.timestampMs;
  }
}

/** A single failure is an accident. */
const LEAST_FAILURES = 2;

/** Two checks of one consumer: one says that only a new start helps, one that it can't do its work at present. */
export function consumerChecks(consumer: WatchedConsumer, limits: ConsumerHealth): readonly HealthCheck[] {
  const { group } = consumer;
  return [
    { name: `consumer ${group}`, failureMeans: 'dead', look: () => lookForStall(consumer, limits) },
    { name: `work of consumer ${group}`, failureMeans: 'not-ready', look: () => lookForTrouble(consumer, limits) },
  ];
}

/**
 * A handler that neither returns nor sends a heartbeat, whatever failed before it or fails beside it: one that works through a long batch
 * and says so is alive. One that fails is told by the other check: a new start would not help it.
 */
function lookForStall({ group, subscription }: WatchedConsumer, { stalledAfterMs }: ConsumerLimits): HealthFinding {
  const { attemptForMs, lifelessForMs, partitions } = subscription.health();
  const facts = { partitions, attemptForMs, lifelessForMs };
  if (lifelessForMs <= stalledAfterMs) return { ok: true, facts };
  const reason = `the consumer ${group} has stalled: it has been at one batch for ${seconds(attemptForMs)} without a sign of life for ${seconds(lifelessForMs)}, ${seconds(stalledAfterMs)} are allowed`;
  return { ok: false, reason, facts };
}

async function lookForTrouble(
  { group, subscription, delay }: WatchedConsumer,
  limits: ConsumerHealth,
): Promise<HealthFinding> {
  const { carrierSilentForMs, consecutiveFailures, lastFailure, failingForMs } = subscription.health();
  if (limits.busAway === 'ready' && carrierSilentForMs > limits.failingAfterMs)
    return { ok: true, facts: { carrierSilentForMs } };
  const waiting = await eventsWaiting(subscription, limits.busAway);
  // Who has caught up is not behind, however late the last event was.
  const delayMs = waiting > 0 ? delay.lastMs : 0;
  const reasons: string[] = [];
  if (carrierSilentForMs > limits.stalledAfterMs)
    reasons.push(`the bus has not answered the consumer ${group} for ${seconds(carrierSilentForMs)}`);
  if (lastFailure && consecutiveFailures >= LEAST_FAILURES && failingForMs > limits.failingAfterMs) {
    const { topic, partition, offset, reason } = lastFailure;
    const where = `${topic}[${partition}] at offset ${offset}`;
    reasons.push(
      `the consumer ${group} has failed ${consecutiveFailures} times in ${seconds(failingForMs)} on ${where}: ${reason}`,
    );
  }
  if (delayMs > limits.behindAfterMs)
    reasons.push(
      `the consumer ${group} is ${seconds(delayMs)} behind and ${waiting} events wait; ${seconds(limits.behindAfterMs)} are allowed`,
    );
  const facts = { waiting, behindMs: delayMs, consecutiveFailures };
  return reasons.length === 0 ? { ok: true, facts } : { ok: false, reason: reasons.join('; '), facts };
}

/** @throws what the carrier fails with, unless the app works on without it */
async function eventsWaiting(subscription: Pick<Subscription, 'lag'>, busAway: BusAway): Promise<number> {
  const byTopic = await subscription.lag().catch((error: unknown) => {
    if (busAway === 'ready') return {};
    throw error;
  });
  return Object.values(byTopic).reduce((sum, events) => sum + events, 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
