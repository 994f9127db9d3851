import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { exitCodes } from '../exit-codes.js';
import { connect, giveInName, type ServerOptions } from './connection.js';
import { writeContexts } from './contexts.js';

let folder: string;
let server: Server;
let url: string;
let sent: (string | undefined)[];
let answer: { readonly status: number; readonly body: unknown };

beforeAll(async () => {
  server = createServer((request, response) => {
    sent.push(request.headers.authorization);
    response.statusCode = answer.status;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teststrip-contexts-'));
  for (const [name, value] of Object.entries({ XDG_CONFIG_HOME: folder, DATA_DIR: join(folder, 'data') }))
    vi.stubEnv(name, value);
  for (const name of ['TESTSTRIP_SERVER', 'TESTSTRIP_REPORTS', 'TESTSTRIP_TOKEN']) vi.stubEnv(name, '');
  sent = [];
  answer = { status: 200, body: {} };
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function tokenSent(options: ServerOptions): Promise<string | undefined> {
  await connect(options).decision.get('/v1/experiments');
  return sent.at(-1);
}

describe('a saved token', () => {
  it('is readable by its owner alone', () => {
    const path = writeContexts({ current: 'a', contexts: { a: { server: url, token: 'secret' } } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('goes to the server that it was saved for, and to no other', async () => {
    writeContexts({ current: 'a', contexts: { a: { server: url, token: 'secret' } } });
    expect(await tokenSent({})).toBe('Bearer secret');
    expect(await tokenSent({ server: url })).toBe('Bearer secret');
    expect(await tokenSent({ server: url.replace('127.0.0.1', 'localhost') })).toBeUndefined();
  });

  it('goes to no other reports service than that of its server', async () => {
    const elsewhere = url.replace('127.0.0.1', 'localhost');
    writeContexts({ current: 'a', contexts: { a: { server: url, reports: url, token: 'secret' } } });
    await connect({ reports: elsewhere }).reports.get('/api/experiments');
    vi.stubEnv('TESTSTRIP_REPORTS', elsewhere);
    await connect({}).reports.get('/api/experiments');
    vi.stubEnv('TESTSTRIP_REPORTS', '');
    await connect({}).reports.get('/api/experiments');
    expect(sent).toEqual([undefined, undefined, 'Bearer secret']);
  });

  it('is not needed where the one of this machine is in the data folder, or another one is given', async () => {
    writeFileSync(join(folder, 'operator-token'), 'of this machine\n');
    vi.stubEnv('DATA_DIR', folder);
    // Whatever listens on another port of the machine may be somebody else's.
    expect(await tokenSent({ server: url })).toBeUndefined();
    writeFileSync(join(folder, 'operator-token.ports'), `8081\n${new URL(url).port}\n`);
    expect(await tokenSent({ server: url })).toBe('Bearer of this machine');
    vi.stubEnv('TESTSTRIP_TOKEN', 'of a variable');
    expect(await tokenSent({ server: url })).toBe('Bearer of a variable');
    expect(await tokenSent({ server: url, token: 'of an option' })).toBe('Bearer of an option');
  });
});

describe('who orders', () => {
  it('is said by the token where there is one, by the name of the account where not', () => {
    expect(connect({ server: url, token: 'secret' }).actor).toBeUndefined();
    expect(connect({ server: url }).actor).toEqual(expect.any(String));
    expect(connect({ server: url, actor: 'ana' }).actor).toBe('ana');
  });

  it('is said after all where a server that knows nobody takes no notice of a token that is left', async () => {
    const missing = [{ path: 'actor', message: 'is missing' }];
    answer = { status: 422, body: { title: "The body can't be used", problems: missing } };
    const connection = connect({ server: url, token: 'of before' });
    const tried: (string | undefined)[] = [];
    const given = giveInName(connection, (actor) => {
      tried.push(actor);
      return actor === undefined ? connection.decision.send('POST', '/v1/x', {}) : Promise.resolve('done');
    });
    expect(await given).toBe('done');
    expect(tried).toEqual([undefined, expect.any(String)]);
  });
});

describe('a wrong server', () => {
  it.each(['Cannot GET /v1/experiments', 'GET /v1/experiments: no service has this path'])(
    'is told as one, not as an experiment that is unknown: %s',
    async (detail) => {
      answer = { status: 404, body: { title: 'Not found', detail } };
      const asked = connect({ server: url }).decision.get('/v1/experiments');
      await expect(asked).rejects.toThrow("and not as Teststrip's decision service does");
      await expect(asked).rejects.toMatchObject({ exitCode: exitCodes.unreachable });
    },
  );

  it('is none where what is asked for is unknown', async () => {
    answer = {
      status: 404,
      body: { title: 'Unknown experiment', detail: 'GET /v1/experiments lists those there are' },
    };
    const asked = connect({ server: url }).decision.get('/v1/experiments/x');
    await expect(asked).rejects.toMatchObject({ exitCode: exitCodes.refused });
  });
});
