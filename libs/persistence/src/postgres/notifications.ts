import { Client, escapeIdentifier, type ClientConfig } from 'pg';
import { hangUp, isUnanswered } from './unanswered.js';

type OnNotify = (payload: string) => void;

interface Listener {
  listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const RECONNECT_PAUSE_MS = 250;

/** One connection, opened with the first LISTEN, for all channels of a database. */
export function openListener(config: ClientConfig, answerWithinMs: number): Listener {
  return new SharedListener(config, answerWithinMs);
}

class SharedListener implements Listener {
  private readonly channels = new Map<string, Set<OnNotify>>();
  private connection: Promise<Client> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  /** The driver wants one statement at a time on a connection. */
  private idle: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: ClientConfig,
    /** A connection that is silent for so long when it is asked something is lost; it is asked as often. */
    private readonly answerWithinMs: number,
  ) {}

  async listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>> {
    const listeners = this.channels.get(channel) ?? new Set();
    this.channels.set(channel, listeners.add(onNotify));
    await this.run(await this.connected(), `LISTEN ${escapeIdentifier(channel)}`);
    return async () => {
      listeners.delete(onNotify);
      if (listeners.size === 0 && !this.closed && this.channels.get(channel) === listeners) await this.forget(channel);
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    this.channels.clear();
    const client = await this.connection?.catch(() => undefined);
    await client?.end().catch(() => undefined);
  }

  private async forget(channel: string): Promise<void> {
    this.channels.delete(channel);
    const client = await this.connection?.catch(() => undefined);
    if (client) await this.run(client, `UNLISTEN ${escapeIdentifier(channel)}`).catch(() => undefined);
  }

  private connected(): Promise<Client> {
    if (this.connection) return this.connection;
    const opening = this.connect();
    this.connection = opening;
    opening.catch(() => {
      if (this.connection === opening) this.connection = undefined;
    });
    return opening;
  }

  private async connect(): Promise<Client> {
    const client = new Client(this.config);
    client.on('notification', ({ channel, payload }) => {
      for (const onNotify of this.channels.get(channel) ?? []) onNotify(payload ?? '');
    });
    let lost = false;
    let asking: NodeJS.Timeout | undefined;
    const onLost = (): void => {
      if (lost) return;
      lost = true;
      clearInterval(asking);
      this.connection = undefined;
      this.reconnectLater();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    await client.connect();
    asking = setInterval(() => void this.run(client, 'SELECT 1').catch(() => undefined), this.answerWithinMs).unref();
    return client;
  }

  private reconnectLater(): void {
    if (this.closed || this.retry || this.channels.size === 0) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.relisten().catch(() => this.reconnectLater());
    }, RECONNECT_PAUSE_MS);
  }

  private async relisten(): Promise<void> {
    const client = await this.connected();
    for (const channel of this.channels.keys()) await this.run(client, `LISTEN ${escapeIdentifier(channel)}`);
    // What was notified while nobody listened is gone: everybody looks once.
    for (const listeners of this.channels.values()) for (const onNotify of listeners) onNotify('');
  }

  private run(client: Client, sql: string): Promise<unknown> {
    const asked = { text: sql, query_timeout: this.answerWithinMs };
    const result = this.idle.then(() => client.query(asked));
    this.idle = result.catch((error: unknown) => {
      // Nothing is heard on it any more; its end makes a new one.
      if (isUnanswered(error)) hangUp(client);
    });
    return result;
  }
}
