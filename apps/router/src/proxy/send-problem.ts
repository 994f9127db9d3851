import type { ServerResponse } from 'node:http';
import { PROBLEM_CONTENT_TYPE } from '#libs/platform';

/** Answers with problem details (RFC 9457). Does nothing when an answer has begun or the client has gone. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify({ type: 'about:blank', title, status, detail });
  response.writeHead(status, {
    ...headers,
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
