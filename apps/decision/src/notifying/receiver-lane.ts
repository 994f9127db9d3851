import type { ClaimedNotification, NotificationStore } from '#libs/persistence/notifications';
import { attempt } from './attempt.js';
import { inTime } from './in-time.js';
import { NotDeliveredError } from './not-delivered-error.js';
import type { NotifySettings } from './notify-settings.js';
import type { Receiver } from './receivers.js';

/** Experiments whose notifications are posted to one receiver at once. */
const AT_ONCE = 8;
/** Beyond the time that an attempt may take: for writing down what came of it. */
const LEASE_MARGIN_MS = 10_000;
const LONGEST_PAUSE_MS = 600_000;

export interface LaneOptions {
  readonly store: NotificationStore;
  readonly settings: NotifySettings;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onOutcome: (receiver: string, outcome: DeliveryOutcome, what: ClaimedNotification, error?: Error) => void;
  readonly onError: (error: Error) => void;
}

type DeliveryOutcome = 'delivered' | 'failed' | 'undeliverable';

/** Posts what one receiver is to be told, in order per experiment. Another receiver's trouble does not reach it. */
export class ReceiverLane {
  private isWanted = false;
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly receiver: Receiver,
    private readonly options: LaneOptions,
  ) {}

  wake(): void {
    this.isWanted = true;
    if (this.running || this.closing.signal.aborted) return;
    this.running = this.drain()
      .catch(this.options.onError)
      .finally(() => {
        this.running = undefined;
      });
  }

  /** Ends the attempts under way; they are made again by whoever comes next. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  private async drain(): Promise<void> {
    const { store, settings } = this.options;
    while (this.isWanted && !this.closing.signal.aborted) {
      this.isWanted = false;
      const claimed = await store.claim(this.receiver.name, AT_ONCE, settings.timeoutMs + LEASE_MARGIN_MS);
      if (claimed.length > 0) this.isWanted = true;
      await Promise.all(claimed.map((notification) => this.deliver(notification)));
    }
  }

  private async deliver(notification: ClaimedNotification): Promise<void> {
    const { store, settings, onOutcome } = this.options;
    const { secret, mail, timeoutMs } = settings;
    try {
      await inTime({ timeoutMs, closing: this.closing.signal }, (signal) =>
        attempt(this.receiver, notification, { secret, mail, signal }),
      );
    } catch (error) {
      return this.failed(notification, error as Error);
    }
    await store.delivered(notification.id);
    onOutcome(this.receiver.name, 'delivered', notification);
  }

  private async failed(notification: ClaimedNotification, error: Error): Promise<void> {
    const { store, settings, onOutcome } = this.options;
    const { id, attempts } = notification;
    if (this.closing.signal.aborted) return store.postpone(id, 0, error.message);
    const isLast = attempts >= settings.attempts || (error instanceof NotDeliveredError && error.isFinal);
    if (isLast) await store.giveUp(id, error.message);
    else await store.postpone(id, this.pauseMs(attempts, error), error.message);
    onOutcome(this.receiver.name, isLast ? 'undeliverable' : 'failed', notification, error);
  }

  /** Twice as long each time, and not the same for all that failed together. */
  private pauseMs(attempts: number, error: Error): number {
    const { settings, random } = this.options;
    const full = Math.min(settings.retryAfterMs * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
    const asked = error instanceof NotDeliveredError ? Math.min(error.retryAfterMs, LONGEST_PAUSE_MS) : 0;
    return Math.round(Math.max(asked, full * (0.5 + random() / 2)));
  }
}
