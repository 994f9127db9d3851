import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';

/** A client that has read nothing for so long is let go: it asks again when it is back. */
const UNREAD_FOR_MS = 60_000;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'private, no-cache, no-store, no-transform',
  'x-accel-buffering': 'no',
} as const;

/**
 * Sends texts without line breaks as server-sent events of one name, for as long as the client stays. While it does not read, the newest text alone
 * waits for it: each says all that those before it said.
 */
export function sendEvents(
  response: ServerResponse,
  name: string,
  texts: Observable<string>,
  unreadForMs = UNREAD_FOR_MS,
): void {
  // Nobody would say again that the client has gone, and the texts would be listened to for ever.
  if (response.destroyed) return;
  let newest: string | undefined;
  let unread: NodeJS.Timeout | undefined;
  const send = (text: string): void => {
    if (response.writableNeedDrain) newest = text;
    else response.write(`event: ${name}\ndata: ${text}\n\n`);
    if (response.writableNeedDrain) unread ??= setTimeout(() => response.destroy(), unreadForMs);
  };
  response.writeHead(200, HEADERS);
  response.flushHeaders();
  response.on('drain', () => {
    clearTimeout(unread);
    unread = undefined;
    const text = newest;
    newest = undefined;
    if (text !== undefined) send(text);
  });
  const subscription = texts.subscribe({ next: send, error: () => response.destroy(), complete: () => response.end() });
  response.on('close', () => {
    clearTimeout(unread);
    subscription.unsubscribe();
  });
}
