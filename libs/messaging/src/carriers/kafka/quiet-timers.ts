import { createRequire } from 'node:module';

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

const CHECK_INTERVAL_MS = 10;
let quiet = false;

/**
 * kafkajs 2.2.4 re-arms a 1 ms timer on every idle connection for ever, 3–4 % of a core each (upstream issue 1751, unreleased).
 * This arms it only while requests wait or the broker throttles. Idempotent.
 */
export function quietIdleTimers(): void {
  if (quiet) return;
  quiet = true;
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue & { scheduleCheckPendingRequests(): void };
  };
  prototype.scheduleCheckPendingRequests = scheduleWhileSomethingWaits;
}

function scheduleWhileSomethingWaits(this: RequestQueue): void {
  const throttledMs = this.throttledUntil - Date.now();
  if (this.throttleCheckTimeoutId || (this.pending.length === 0 && throttledMs <= 0)) return;
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledMs > 0 ? throttledMs : CHECK_INTERVAL_MS,
  );
}
