import type { IncomingMessage } from 'node:http';
import type { ApiOperation } from './open-api.js';
import { readRequestBody, UnreadBody } from './request-body.js';

/** A request whose body has been read. */
export type ReadRequest = IncomingMessage & {
  body?: unknown;
  /** The bytes of the body, for messages about lines. */
  rawBody?: Buffer;
};

/** What nobody knows the sender of is small: a thumb, or a code of an issuer. */
const LARGEST_OF_ANYBODY_BYTES = 16 * 1024;

/**
 * Reads the body of a request that somebody may send: until that is known nothing of it is in memory, however many strangers send how much.
 * @throws ProblemException as {@link readRequestBody} does
 */
export async function takeBody(request: ReadRequest, operation: ApiOperation): Promise<void> {
  if (operation['x-reads-body'] === true) {
    request.body = new UnreadBody(request);
    return;
  }
  const isOfAnybody = operation['x-role'] === 'anybody';
  const body = await readRequestBody(request, isOfAnybody ? LARGEST_OF_ANYBODY_BYTES : undefined);
  request.body = body?.value;
  if (body) request.rawBody = body.bytes;
}
