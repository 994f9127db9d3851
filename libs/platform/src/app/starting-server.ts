import { createServer } from 'node:http';
import { limitRest } from '../http/limit-rest.js';
import { sendJson, sendProblem } from '../http/plain-server.js';
import type { Resources } from './resources.js';

/** A start that is over sooner needs no word. */
const ANSWERS_AFTER_MS = 1_000;

/**
 * Opens what an app needs; when that takes long, its address says meanwhile that it lives and is not ready, and why, so that nobody starts
 * a waiting process anew.
 */
export async function answeringMeanwhile<T>(
  { host, port }: { readonly host: string; readonly port: number },
  resources: Pick<Resources, 'waitsBecause'>,
  open: () => Promise<T>,
): Promise<T> {
  const server = createServer((request, response) => {
    response.once('close', () => limitRest(request));
    if (request.url === '/health/live') return sendJson(response, { status: 'ok', checks: {} });
    const problems = resources.waitsBecause();
    const detail = problems.length === 0 ? 'it is starting' : problems.join('; ');
    sendProblem(response, { title: 'Not ready', status: 503, detail, problems, checks: {} });
  });
  // An address that can't be had is told when the app itself listens there.
  server.on('error', () => undefined);
  let isOver = false;
  // The name of a host takes its time to be looked up.
  server.on('listening', () => isOver && server.close());
  // On any free port nobody would find it.
  const timer = port === 0 ? undefined : setTimeout(() => server.listen(port, host), ANSWERS_AFTER_MS);
  try {
    return await open();
  } finally {
    isOver = true;
    clearTimeout(timer);
    if (server.listening) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    }
  }
}
