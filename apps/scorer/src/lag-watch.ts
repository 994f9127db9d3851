import type { Subscription } from '#libs/messaging';

const EVERY_MS = 1000;

/** Remembers how many generations wait, so that deciding about sampling costs no question to the carrier per batch. */
export class LagWatch {
  private latest = 0;
  private timer: NodeJS.Timeout | undefined;

  get lag(): number {
    return this.latest;
  }

  watch(subscription: Pick<Subscription, 'lag'>): void {
    this.stop();
    this.timer = setInterval(() => void this.look(subscription), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(subscription: Pick<Subscription, 'lag'>): Promise<void> {
    try {
      const byTopic = await subscription.lag();
      this.latest = Object.values(byTopic).reduce((sum, waiting) => sum + waiting, 0);
    } catch {
      // The carrier is away: what was known last is the best guess, and the batches themselves will complain.
    }
  }
}
