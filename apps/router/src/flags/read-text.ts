import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FlagProblem } from './flag-context.js';

/** Contexts are a few attributes. */
const LARGEST_BODY_BYTES = 64 * 1024;
/** Those who send slower are let go. */
const WITHIN_MS = 10_000;

/** What is asked for, and whether the client sends its body when it is told to. */
export interface FlagRequest {
  /** With its query. */
  readonly path: string;
  readonly waitsToBeTold: boolean;
}

/**
 * Reads a small body as text; `then` is not called when the client goes away before its end, or takes longer than ten seconds. A client that waits to be told is told
 * when its headers say nothing against its body.
 */
export function readText(
  request: IncomingMessage,
  response: ServerResponse,
  { waitsToBeTold }: Pick<FlagRequest, 'waitsToBeTold'>,
  then: (text: string | FlagProblem) => void,
): void {
  let late: NodeJS.Timeout | undefined;
  const refuse = (errorDetails: string): void => {
    clearTimeout(late);
    request.removeAllListeners('data').removeAllListeners('end').resume();
    then({ errorCode: 'PARSE_ERROR', errorDetails });
  };
  const { 'content-encoding': encoding, 'content-length': announced } = request.headers;
  if (encoding !== undefined && encoding !== 'identity') return refuse(`expected a body that is not compressed`);
  if (Number(announced ?? 0) > LARGEST_BODY_BYTES) return refuse(TOO_LONG);
  if (waitsToBeTold) response.writeContinue();
  const chunks: Buffer[] = [];
  let bytes = 0;
  late = setTimeout(() => request.destroy(), WITHIN_MS);
  request.on('close', () => clearTimeout(late));
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) refuse(TOO_LONG);
  });
  request.on('end', () => {
    clearTimeout(late);
    then((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString());
  });
}

const TOO_LONG = `expected a body of at most ${LARGEST_BODY_BYTES} bytes`;
