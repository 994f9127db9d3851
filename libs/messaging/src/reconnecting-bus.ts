import type { BusClient, EventBus } from './event-bus.js';
import type { OpenBus } from './open-bus.js';

export interface ReconnectingBus extends BusClient {
  /** Tries to open the bus. Concurrent callers share one attempt; after a failure the next call tries again. */
  open(): Promise<void>;
  close(): Promise<void>;
}

/** A bus that may be away when the process starts: every use of it fails (and the router tries again) until it could be opened. */
export function createReconnectingBus(openBus: () => Promise<OpenBus>): ReconnectingBus {
  let opened: OpenBus | undefined;
  let opening: Promise<void> | undefined;
  let closed = false;

  const open = (): Promise<void> => {
    if (opened) return Promise.resolve();
    opening ??= openBus()
      .then(async (bus) => {
        if (closed) await bus.close();
        else opened = bus;
      })
      .finally(() => {
        opening = undefined;
      });
    return opening;
  };
  const bus = (): EventBus => {
    if (opened) return opened.bus;
    open().catch(() => undefined);
    throw new Error('the event bus is not open yet');
  };

  return {
    open,
    publish: async (records) => bus().publish(records),
    subscribe: (options) => bus().subscribe(options),
    readAll: async (topic) => bus().readAll(topic),
    close: async () => {
      closed = true;
      await opened?.close();
    },
  };
}
