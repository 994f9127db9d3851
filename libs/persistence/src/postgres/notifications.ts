import { Client, escapeIdentifier, type ClientConfig } from 'pg';

type OnNotify = (payload: string) => void;

interface Listener {
  listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const RECONNECT_PAUSE_MS = 250;

/** One connection, opened with the first LISTEN, for all channels of a database. */
export function openListener(config: ClientConfig): Listener {
  const channels = new Map<string, Set<OnNotify>>();
  let connection: Promise<Client> | undefined;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  // The driver wants one statement at a time on a connection.
  let idle: Promise<unknown> = Promise.resolve();
  const run = (client: Client, sql: string): Promise<unknown> => {
    const result = idle.then(() => client.query(sql));
    idle = result.catch(() => undefined);
    return result;
  };

  const connect = async (): Promise<Client> => {
    const client = new Client(config);
    client.on('notification', ({ channel, payload }) => {
      for (const onNotify of channels.get(channel) ?? []) onNotify(payload ?? '');
    });
    let lost = false;
    const onLost = (): void => {
      if (lost) return;
      lost = true;
      connection = undefined;
      reconnectLater();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    await client.connect();
    return client;
  };

  const connected = (): Promise<Client> => {
    if (connection) return connection;
    const opening = connect();
    connection = opening;
    opening.catch(() => {
      if (connection === opening) connection = undefined;
    });
    return opening;
  };

  const reconnectLater = (): void => {
    if (closed || retry || channels.size === 0) return;
    retry = setTimeout(() => {
      retry = undefined;
      relisten().catch(reconnectLater);
    }, RECONNECT_PAUSE_MS);
  };

  const relisten = async (): Promise<void> => {
    const client = await connected();
    for (const channel of channels.keys()) await run(client, `LISTEN ${escapeIdentifier(channel)}`);
    // What was notified while nobody listened is gone: everybody looks once.
    for (const listeners of channels.values()) for (const onNotify of listeners) onNotify('');
  };

  return {
    listen: async (channel, onNotify) => {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(onNotify));
      await run(await connected(), `LISTEN ${escapeIdentifier(channel)}`);
      return async () => {
        listeners.delete(onNotify);
        if (listeners.size > 0 || closed || channels.get(channel) !== listeners) return;
        channels.delete(channel);
        const client = await connection?.catch(() => undefined);
        if (client) await run(client, `UNLISTEN ${escapeIdentifier(channel)}`).catch(() => undefined);
      };
    },
    close: async () => {
      closed = true;
      clearTimeout(retry);
      channels.clear();
      const client = await connection?.catch(() => undefined);
      await client?.end().catch(() => undefined);
    },
  };
}
