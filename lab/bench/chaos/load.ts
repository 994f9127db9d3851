/**
 * People and the load balancer before two routers, in a process of their own. Requests are sent when they are due, whether earlier ones are answered
 * or not. A router that refuses connections, or says that it is not ready, gets nothing until it is ready; what it refused goes to the other.
 */
import { Pool, request as ask } from 'undici';
import { ASSIGNMENT_HEADER, decodeAssignment, UNIT_HEADER } from '#libs/contracts';
import { nowMs } from '../parts.js';
import type { AskedRequest } from './judge.js';

/** What the run tells the load. */
export type LoadOrder =
  | { readonly kind: 'begin'; readonly routers: readonly string[]; readonly path: string; readonly perSecond: number }
  | { readonly kind: 'pace'; readonly perSecond: number }
  /** Answer `settled` when everything that was sent before has ended. */
  | { readonly kind: 'settle' };

/** What the load tells the run. */
export type LoadNews =
  | { readonly kind: 'asked'; readonly requests: readonly AskedRequest[]; readonly leftOut: number }
  | { readonly kind: 'rotation'; readonly router: number; readonly isIn: boolean; readonly atMs: number }
  | { readonly kind: 'settled' };

/** More at once would measure this process. Requests that are due beyond are left out, and counted. */
const MOST_UNDER_WAY = 400;
const UNITS = 20_000;
const TICK_MS = 4;
const REPORT_EVERY_MS = 100;
const LOOK_EVERY_MS = 100;
/** Nothing was sent to who refuses the connection. */
const NOT_TAKEN = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']);

interface RouterInUse {
  readonly url: string;
  readonly pool: Pool;
  isIn: boolean;
}

let routers: RouterInUse[] = [];
let path = '';
let perSecond = 0;
let [paceSinceMs, dueThen, due] = [0, 0, 0];
let sent = 0;
let leftOut = 0;
const underWay = new Set<Promise<void>>();
let asked: AskedRequest[] = [];

process.on('message', (order: LoadOrder) => {
  switch (order.kind) {
    case 'begin':
      routers = order.routers.map((url) => ({
        url,
        pool: new Pool(new URL(url).origin, { connections: 200 }),
        isIn: true,
      }));
      path = order.path;
      keepPace(order.perSecond);
      setInterval(sendDue, TICK_MS);
      setInterval(report, REPORT_EVERY_MS);
      for (const index of routers.keys()) setInterval(() => void look(index), LOOK_EVERY_MS);
      return;
    case 'pace':
      return keepPace(order.perSecond);
    case 'settle':
      void Promise.all(underWay).then(() => {
        report();
        tell({ kind: 'settled' });
      });
      return;
    default:
      return order satisfies never;
  }
});
process.once('disconnect', () => process.exit(0));

function tell(news: LoadNews): void {
  process.send?.(news);
}

function report(): void {
  tell({ kind: 'asked', requests: asked, leftOut });
  [asked, leftOut] = [[], 0];
}

function keepPace(next: number): void {
  [perSecond, paceSinceMs, dueThen] = [next, nowMs(), due];
}

function sendDue(): void {
  const until = dueThen + Math.floor(((nowMs() - paceSinceMs) / 1000) * perSecond);
  for (; due < until; due += 1) {
    if (underWay.size >= MOST_UNDER_WAY) {
      leftOut += 1;
      continue;
    }
    const one = send(paceSinceMs + ((due - dueThen + 1) / perSecond) * 1000).finally(() => underWay.delete(one));
    underWay.add(one);
  }
}

async function send(dueAtMs: number): Promise<void> {
  const unit = `user-${sent % UNITS}`;
  sent += 1;
  const first = sent % routers.length;
  for (const index of [first, (first + 1) % routers.length]) {
    if (!routers[index]!.isIn) continue;
    const request = await sendTo(index, unit, dueAtMs);
    if (request.failure !== null && NOT_TAKEN.has(request.failure)) {
      rotate(index, false);
      continue;
    }
    asked.push(request);
    return;
  }
  const atMs = nowMs();
  const nobody = { router: null, status: null, answeredBy: null, assigned: null, failure: 'no router is up' };
  asked.push({ unit, dueAtMs, sentAtMs: atMs, doneAtMs: atMs, ...nobody });
}

async function sendTo(index: number, unit: string, dueAtMs: number): Promise<AskedRequest> {
  const sentAtMs = nowMs();
  const base = { unit, dueAtMs, sentAtMs, router: index };
  try {
    const response = await routers[index]!.pool.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', [UNIT_HEADER]: unit },
      body: '{"prompt":"a small red circle at the left","seed":4242}',
    });
    await response.body.dump();
    const header = response.headers[ASSIGNMENT_HEADER];
    const assignment = typeof header === 'string' ? decodeAssignment(header) : null;
    const variant = response.headers['x-variant'];
    return {
      ...base,
      doneAtMs: nowMs(),
      status: response.statusCode,
      answeredBy: typeof variant === 'string' ? variant : null,
      assigned: assignment && { revision: assignment.revision, variant: assignment.variant },
      failure: null,
    };
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return { ...base, doneAtMs: nowMs(), status: null, answeredBy: null, assigned: null, failure: code ?? message };
  }
}

/** Whether it says that it is ready. */
async function look(index: number): Promise<void> {
  const isReady = await ask(new URL('/health/ready', routers[index]!.url), { headersTimeout: 2_000 }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode === 200;
    },
    () => false,
  );
  rotate(index, isReady);
}

function rotate(index: number, isIn: boolean): void {
  const router = routers[index]!;
  if (router.isIn === isIn) return;
  router.isIn = isIn;
  tell({ kind: 'rotation', router: index, isIn, atMs: nowMs() });
}
