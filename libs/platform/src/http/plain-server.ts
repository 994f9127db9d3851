import type { Server } from 'node:http';
import { PROBLEM_CONTENT_TYPE, type Problem } from './problem.js';

type Headers = Readonly<Record<string, string>>;

/** As much of `ServerResponse` as an answer takes that is there at once. */
export interface PlainAnswer {
  readonly headersSent: boolean;
  /** The client has gone. */
  readonly destroyed: boolean;
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown;
  end(text: string): unknown;
}

/** Answers with JSON on a plain `node:http` server, where no framework does. */
export function sendJson(response: PlainAnswer, body: unknown, status = 200, headers: Headers = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    ...headers,
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Its type is `about:blank` unless it says so. */
type PlainProblem = Omit<Problem, 'type'> & { readonly type?: string };

/**
 * Answers with problem details (RFC 9457) on a plain `node:http` server, further members of the problem included. Does nothing when an
 * answer has begun or the client has gone.
 */
export function sendProblem(
  response: PlainAnswer,
  { type = 'about:blank', ...problem }: PlainProblem,
  headers: Headers = {},
): void {
  if (response.headersSent || response.destroyed) return;
  sendJson(response, { type, ...problem }, problem.status, { ...headers, 'content-type': PROBLEM_CONTENT_TYPE });
}

/** An address that a server listens on, and the variable that names its port. */
export interface ListenAddress {
  readonly port: number;
  readonly host: string;
  readonly variable: string;
}

/**
 * Starts to listen.
 * @throws Error that names the variable where the port is taken or the host is none of this machine
 */
export async function listen(server: Server, { port, host, variable }: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(error, { port, host, variable });
  });
}

/** Why a server can't listen, in the words of its variables. */
export function cannotListen(error: NodeJS.ErrnoException, { port, host, variable }: ListenAddress): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`${variable}=${port} is taken on ${host}; set another one or 0`, { cause: error });
    case 'EACCES':
      return new Error(`${variable}=${port} is not allowed to this account; set one from 1024 on, or 0`, {
        cause: error,
      });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EADDRNOTAVAIL':
      return new Error(`HOST=${host} is no address of this machine; set 127.0.0.1, or 0.0.0.0 for all`, {
        cause: error,
      });
    default:
      return error;
  }
}
