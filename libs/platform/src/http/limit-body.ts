import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendProblem } from './plain-server.js';

/** The largest body that a server takes (8 MiB of events) comes within it at 1.2 Mbit/s. */
const WITHIN_MS = 60_000;

/**
 * A body has to be there whole within a minute: who sends it byte by byte would otherwise hold a request, and whatever waits for its end, for as long as they
 * like. They are told so (408), and their connection ends.
 * @param request whose headers have just come
 * @param withinMs how long the body may take
 */
export function limitBody(request: IncomingMessage, response: ServerResponse, withinMs = WITHIN_MS): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length === '0' && encoding === undefined) return;
  const late = setTimeout(() => {
    // What is there but unread is its reader's to take.
    if (request.complete) return;
    const detail = `Its end has not come within ${withinMs / 1_000} s; send less at a time`;
    sendProblem(response, { title: 'The body did not come', status: 408, detail }, { connection: 'close' });
  }, withinMs);
  request.once('end', () => clearTimeout(late));
  response.once('close', () => clearTimeout(late));
}
