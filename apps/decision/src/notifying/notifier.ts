import { Counter, type Registry } from 'prom-client';
import type { Database } from '#libs/persistence';
import { createNotificationStore, type NotificationStore } from '#libs/persistence/notifications';
import type { HealthFinding } from '#libs/platform';
import type { NotifySettings } from './notify-settings.js';
import { ReceiverLane, type LaneOptions } from './receiver-lane.js';

/** How often it is looked for what is due again, or was added by a process that ended. */
const LOOK_EVERY_MS = 1_000;
const FORGET_EVERY_MS = 3_600_000;

interface NotifierLog {
  warn(message: string): void;
  error(message: string): void;
}

/** Sends what was written with decisions to its receivers. Any number of processes may: each notification is one process's at a time. */
export class Notifier {
  private readonly store: NotificationStore;
  private readonly lanes: readonly ReceiverLane[];
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    database: Database,
    private readonly settings: NotifySettings,
    private readonly logger: NotifierLog,
    metrics: Registry,
  ) {
    this.store = createNotificationStore(database);
    const outcomes = new Counter({
      name: 'teststrip_decision_notifications_total',
      help: 'Attempts of this process to deliver a notification, by receiver and outcome.',
      labelNames: ['receiver', 'outcome'] as const,
      registers: [metrics],
    });
    const onOutcome: LaneOptions['onOutcome'] = (
      receiver,
      outcome,
      { experiment, notificationId, attempts },
      error,
    ) => {
      outcomes.inc({ receiver, outcome });
      const what = `notification ${notificationId} of ${experiment} for ${receiver}`;
      if (outcome === 'undeliverable')
        logger.error(`${what} is undeliverable, ${attempts} attempts failed: ${error?.message}`);
      // The first failure is told; those after it are in the metrics.
      else if (outcome === 'failed' && attempts === 1) logger.warn(`${what} is tried again: ${error?.message}`);
    };
    const onError = (error: Error): void => logger.warn(`sending notifications failed: ${error.message}`);
    const options = { store: this.store, settings, random: Math.random, onOutcome, onError };
    this.lanes = settings.receivers.map((receiver) => new ReceiverLane(receiver, options));
  }

  start(): void {
    if (this.lanes.length === 0) return;
    const forget = (): void => {
      this.store.forgetOld().catch((error: Error) => this.logger.warn(`forgetting notifications: ${error.message}`));
    };
    const everyMs = Math.min(LOOK_EVERY_MS, this.settings.retryAfterMs);
    this.timers.push(
      setInterval(() => this.wake(), everyMs),
      setInterval(forget, FORGET_EVERY_MS),
    );
    this.wake();
    forget();
  }

  wake(): void {
    for (const lane of this.lanes) lane.wake();
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }

  /** A receiver that takes nothing is a fact to look at; the service decides all the same. */
  async look(): Promise<HealthFinding> {
    if (this.lanes.length === 0) return { ok: true };
    return { ok: true, facts: { receivers: await this.store.backlog() } };
  }
}
