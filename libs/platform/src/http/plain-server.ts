import type { Server, ServerResponse } from 'node:http';
import { PROBLEM_CONTENT_TYPE, type Problem } from './problem.js';

type Headers = Readonly<Record<string, string>>;

/** Answers with JSON on a plain `node:http` server, where no framework does. */
export function sendJson(response: ServerResponse, body: unknown, status = 200, headers: Headers = {}): void {
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
  response: ServerResponse,
  { type = 'about:blank', ...problem }: PlainProblem,
  headers: Headers = {},
): void {
  if (response.headersSent || response.destroyed) return;
  sendJson(response, { type, ...problem }, problem.status, { ...headers, 'content-type': PROBLEM_CONTENT_TYPE });
}

/** Starts to listen; rejects where it can't (the port is taken). */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
