import { createServer, type Server, type ServerResponse } from 'node:http';
import { listening } from '../bench/parts.js';
import type { HostileCase } from './cases.js';

/** One byte in so many milliseconds. */
const DROP_MS = 300;

/** The hosts that hostile pictures come from, on this machine. */
export interface HostileHosts {
  /** What its event announces as its address. */
  uriOf(index: number): string;
  /** As `SCORER_IMAGE_HOSTS` has them. */
  readonly names: readonly string[];
  close(): Promise<void>;
}

export async function startHosts(cases: readonly HostileCase[]): Promise<HostileHosts> {
  const answer = answersFor(cases);
  const hostNames = ['fine-1', 'fine-2', 'lying', 'hanging'] as const;
  const servers: Server[] = [];
  const origins = new Map<string, URL>();
  for (const name of hostNames) {
    const server = createServer((incoming, response) => answer(Number(incoming.url!.slice(1)), response));
    origins.set(name, new URL(await listening(server)));
    servers.push(server);
  }
  return {
    uriOf: (index) => new URL(String(index), origins.get(cases[index]!.host)).href,
    names: [...origins.values()].map(({ host }) => host),
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

function answersFor(cases: readonly HostileCase[]): (index: number, response: ServerResponse) => void {
  const asked = new Map<number, number>();
  return (index, response) => {
    const { sending, body } = cases[index]!;
    const times = (asked.get(index) ?? 0) + 1;
    asked.set(index, times);
    switch (sending.how) {
      case 'plainly':
        return void response.end(body);
      case 'packed':
        return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
      case 'with-length':
        response.writeHead(200, { 'content-length': String(sending.bytes) }).write(body);
        return void setTimeout(() => response.destroy(), 50);
      case 'redirected':
        return void response.writeHead(302, { location: sending.to === 'itself' ? `/${index}` : sending.to }).end();
      case 'after-failures':
        return void response.writeHead(times <= sending.failures ? sending.status : 200).end(body);
      case 'by-drops':
        return drop(response, body, 0);
      case 'never':
        return;
      default:
        return sending satisfies never;
    }
  };
}

function drop(response: ServerResponse, body: Buffer, at: number): void {
  if (response.destroyed || at === body.length) return void response.end();
  response.write(body.subarray(at, at + 1));
  setTimeout(() => drop(response, body, at + 1), DROP_MS).unref();
}
