import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unusedPort, watchNode, type WatchedProcess } from '#libs/testing/processes';
import { KNOWN_NAME } from './doors.js';

/** All services in a process of their own, with an empty database, one experiment, and an upstream that answers everything. */
export interface FuzzedStandalone {
  /** By the names that it says itself, for example `decision`, `router`, `routerAdmin`. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly token: string;
  /** Answers everything; orders can lead requests nowhere else. */
  readonly upstream: string;
  /** For files; gone after `close`. */
  readonly folder: string;
  close(): Promise<void>;
}

const PORTS = ['ROUTER', 'ROUTER_ADMIN', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'];
const MAIN = ['--import', 'tsx', '--conditions=teststrip-source', 'apps/standalone/src/main.ts'];

/** Starts it on free ports of loopback; orders can lead requests nowhere but to its upstream. */
export async function startFuzzedStandalone(): Promise<FuzzedStandalone> {
  // Open to the account that Postgres runs under where we are root.
  const folder = await mkdtemp(join(tmpdir(), 'teststrip-fuzz-'));
  await chmod(folder, 0o755);
  const upstream = await startUpstream();
  const { port } = upstream.address() as AddressInfo;
  const services = watchNode(MAIN, {
    ...Object.fromEntries(PORTS.map((name) => [`${name}_PORT`, '0'])),
    // Known beforehand: the reports pass orders on to it.
    DECISION_PORT: String(await unusedPort()),
    DATA_DIR: join(folder, 'data'),
    UPSTREAM_HOSTS: `127.0.0.1:${port}`,
    ROUTER_CLIENT_REQUESTS: 'any',
    // What the documentation's files name. What they answer is no word of a gate.
    GATES: ['load-test', 'legal'].map((name) => `${name}=http://127.0.0.1:${port}/gate`).join(','),
    NOTIFY_SECRET: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
    END_WITH_PARENT: 'true',
  });
  const close = () => end(services, upstream, folder);
  try {
    const addresses = JSON.parse(await services.said(/\{"ready":true.*\}/)) as Record<string, string>;
    const token = (await readFile(join(folder, 'data', 'operator-token'), 'utf8')).trim();
    const url = `http://127.0.0.1:${port}/`;
    await applyExperiment({ decision: addresses['decision']!, token, upstream: url });
    return { addresses, token, upstream: url, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function end(services: WatchedProcess, upstream: Server, folder: string): Promise<void> {
  services.process.kill('SIGTERM');
  await services.ended;
  upstream.close();
  upstream.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
}

async function startUpstream(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

interface Applying {
  readonly decision: string;
  readonly token: string;
  readonly upstream: string;
}

async function applyExperiment({ decision, token, upstream }: Applying): Promise<void> {
  const config = { checkpoint: 'sdxl-1.0', sampler: 'ddim', precision: 'fp16', steps: 30 };
  const answer = await fetch(new URL('/v1/experiments', decision), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      apiVersion: 'teststrip/v1',
      key: KNOWN_NAME,
      service: KNOWN_NAME,
      kind: 'canary',
      variants: { control: { upstream, config }, candidate: { upstream, config: { ...config, steps: 20 } } },
      guardrails: [{ metric: 'error-rate', margin: '+1pp' }],
    }),
  });
  if (answer.status !== 201) throw new Error(`the first experiment: expected 201, got ${await answer.text()}`);
}
