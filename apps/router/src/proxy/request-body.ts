import type { IncomingMessage } from 'node:http';

/** Bodies up to this size are read before the upstream is asked: a prompt fits, a picture streams. */
export const LARGEST_REPEATABLE_BODY_BYTES = 64 * 1024;

/** Whether the body is known to be small; only such a request can be asked of another upstream. */
export function hasSmallBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return length !== undefined && Number(length) <= LARGEST_REPEATABLE_BODY_BYTES;
}

/** Reads a small body. `then` is not called when the client goes away before its end. */
export function readSmallBody(request: IncomingMessage, then: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => then(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
}
