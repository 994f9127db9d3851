import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UnitHeaders } from '../proxy/request-headers.js';
import { writeAtomically } from '../write-atomically.js';
import { NGINX_STEP_PPM, nginxFile, nginxMark } from './nginx-file.js';
import { UnservableError, type Split } from './split.js';
import type { TargetPlan, WeightsTarget } from './weights-target.js';

export interface NginxTargetOptions {
  readonly service: string;
  /** Read by nginx at its `http` level. */
  readonly file: string;
  /** Where nginx then says what it serves: `127.0.0.1:8189` or `unix:/run/teststrip.sock`. */
  readonly probe: string;
  /** The file with the process id of nginx, which is told to read its configuration again; undefined: somebody else does. */
  readonly pid?: string | undefined;
  /** After so long without a sign from here nginx serves control by itself. */
  readonly leaseMs: number;
  readonly unitHeaders: UnitHeaders;
}

/** Connections in a row that have to be answered by the new configuration: workers of the old one take new connections for a moment. */
const SEEN_IN_A_ROW = 8;
const LOOK_EVERY_MS = 20;
/** Of a host and a port alone: whatever else an address may have, nginx would read as its own language, `$http_cookie` for instance. */
const PLAIN_ADDRESS = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?\/?$/i;

/** nginx, by a file that it reads again (`split_clients`). */
export class NginxTarget implements WeightsTarget {
  readonly service: string;
  readonly name: string;
  readonly abilities = { stepPpm: NGINX_STEP_PPM, isSticky: true };
  readonly seenWithinMs = 5_000;

  constructor(private readonly options: NginxTargetOptions) {
    this.service = options.service;
    this.name = `nginx, ${options.file}`;
  }

  planOf(split: Split, nowMs: number): TargetPlan {
    const withPath = split.targets.find(({ upstream }) => upstream.basePath !== null);
    if (withPath) throw new UnservableError(`${withPath.name}: an upstream with a path is served by routers alone`);
    const unplain = split.targets.find(({ upstream }) => !PLAIN_ADDRESS.test(upstream.url));
    if (unplain) throw new UnservableError(`${unplain.name}: an upstream is a host and a port here, and nothing else`);
    const { probe, unitHeaders } = this.options;
    const untilMs = this.untilMs(split, nowMs);
    const key = nginxMark(split, { untilMs });
    return {
      key,
      apply: (signal) => this.apply(nginxFile(split, { probe, unitHeaders, untilMs }), key, signal),
      isServed: async (signal) => (await this.ask(signal)) === key,
    };
  }

  /** Renewed when half of it is over; where nobody is at risk there is nothing to end. */
  private untilMs({ drawn, targets }: Split, nowMs: number): number | null {
    const isAtRisk = targets.slice(1).some(({ sharePpm }) => sharePpm > 0);
    if (!drawn?.mayFailSafe || !isAtRisk) return null;
    const half = this.options.leaseMs / 2;
    return (Math.floor(nowMs / half) + 2) * half;
  }

  private async apply(content: string, key: string, signal: AbortSignal): Promise<void> {
    await writeAtomically(this.options.file, content, 0o644);
    await this.reload();
    let seen = 0;
    let last = 'nothing';
    while (seen < SEEN_IN_A_ROW) {
      const answer = await this.ask(signal).catch((error: Error) => error.message);
      if (signal.aborted) throw new Error(`nginx was told of ${key} and answers ${last}: its error log says why`);
      last = answer;
      seen = answer === key ? seen + 1 : 0;
      if (seen < SEEN_IN_A_ROW) await sleep(LOOK_EVERY_MS);
    }
  }

  private async reload(): Promise<void> {
    const { pid: file } = this.options;
    if (file === undefined) return;
    const pid = Number((await readFile(file, 'utf8')).trim());
    if (!Number.isInteger(pid) || pid < 2) throw new Error(`${file}: expected the process id of nginx`);
    process.kill(pid, 'SIGHUP');
  }

  /** What nginx says that it serves, over a connection of its own. */
  private ask(signal: AbortSignal): Promise<string> {
    const { probe } = this.options;
    const place = probe.startsWith('unix:') ? { socketPath: probe.slice('unix:'.length) } : addressIn(probe);
    return new Promise((resolve, reject) => {
      const asked = request({ ...place, path: '/', agent: false, signal, timeout: 1_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
        response.on('error', reject);
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer within a second')));
      asked.on('error', reject);
      asked.end();
    });
  }
}

function addressIn(probe: string): { readonly host: string; readonly port: number } {
  const at = probe.lastIndexOf(':');
  return { host: probe.slice(0, at), port: Number(probe.slice(at + 1)) };
}
