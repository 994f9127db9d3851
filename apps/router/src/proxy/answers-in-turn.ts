import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { refuseUpgrade } from './upgrade.js';

/** On a client's connection: the answer to its newest request, which comes after all before it. A map by connection would cost each request more. */
const NEWEST_ANSWER = Symbol('newest answer');
/** On a client's connection: what can't be read has come, and nothing that follows is read either. */
const IS_BROKEN = Symbol('is broken');

interface ClientConnection extends Duplex {
  [NEWEST_ANSWER]?: ServerResponse;
  [IS_BROKEN]?: true;
}

export function noteNewestAnswer(connection: ClientConnection, response: ServerResponse): void {
  connection[NEWEST_ANSWER] = response;
}

/** Requests of one connection are answered in their order: acts at once, or after the newest answer has ended. */
export function whenAnswered(connection: ClientConnection, act: () => void): void {
  const before = connection[NEWEST_ANSWER];
  if (before && !before.closed) before.once('close', act);
  else act();
}

/** By Node's codes; everything else that can't be read is a 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * What comes over a client's connection can't be read as a request. Behind requests that have come whole it is answered in its turn: at once it would take the place of
 * an answer that is still made. In the middle of a request, whose own answer waits for the rest of it, it ends the connection.
 */
export function answerUnreadable(error: Error & { readonly code?: string }, connection: ClientConnection): void {
  if (connection.destroyed || !connection.writable) return void connection.destroy();
  if (connection[IS_BROKEN]) return;
  connection[IS_BROKEN] = true;
  const status = STATUS_OF[error.code ?? ''] ?? 400;
  const refuse = (): void => refuseUpgrade(connection, status, 'what came over this connection is no HTTP request');
  const before = connection[NEWEST_ANSWER];
  if (before === undefined || before.closed || before.req.complete) return whenAnswered(connection, refuse);
  if (before.headersSent || before.socket === null) connection.destroy();
  else refuse();
}
