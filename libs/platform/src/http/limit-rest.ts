import type { IncomingMessage } from 'node:http';

/** More than the longest body that anybody sends by mistake: whoever goes on after that reads no answer. */
export const MOST_REST_BYTES = 64 * 1024 * 1024;
const WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 20;

/**
 * What a client still sends behind its answer is read away, so that it reads the answer; but no more than 64 MiB of it, and not for longer than a while: nobody
 * keeps a server busy with what it has refused.
 * @param request that has been answered
 * @param withinMs how long the rest may take
 */
export function limitRest(request: IncomingMessage, withinMs = WITHIN_MS): void {
  const { socket } = request;
  if (request.complete || socket.destroyed) return;
  const most = socket.bytesRead + MOST_REST_BYTES;
  const untilMs = performance.now() + withinMs;
  const look = setInterval(() => {
    if (socket.bytesRead > most || performance.now() > untilMs) socket.destroy();
  }, LOOK_EVERY_MS);
  request.once('close', () => clearInterval(look));
}
