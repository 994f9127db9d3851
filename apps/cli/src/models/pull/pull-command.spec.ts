import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeTinySiglip } from '#libs/testing/tiny-clip';
import { exitCodes } from '../../exit-codes.js';
import { runCommand } from '../../run-command.js';

const COMMIT = 'c'.repeat(40);
const WEIGHTS = 'model.safetensors';
const ID = 'someone/tiny';

let folder: string;
let published: string;
let to: string;
let hub: Server;
let address: string;
/** Requests for files, as `path range token`. */
let asked: string[];
/** How the hub serves a file; the next test begins with a hub that serves all of it. */
let serve: (request: IncomingMessage, response: ServerResponse, content: Buffer) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-pull-'));
  published = join(folder, 'published');
  to = join(folder, 'tiny');
  await writeTinySiglip(published);
  asked = [];
  serve = byRange;
  hub = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => hub.once('listening', resolve));
  address = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  vi.stubEnv('HF_ENDPOINT', address);
  for (const name of ['HF_TOKEN', 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  hub.closeAllConnections();
  hub.close();
  await rm(folder, { recursive: true });
});

describe('teststrip models pull', () => {
  it('fetches a model, is done at once the second time, and leaves a manifest that verify goes by', async () => {
    expect(await run(ID)).toMatchObject({ code: exitCodes.done, out: expect.stringContaining('a SigLIP') });
    expect(await readFile(join(to, WEIGHTS))).toEqual(await readFile(join(published, WEIGHTS)));
    const manifest = JSON.parse(await readFile(join(to, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ model: ID, revision: COMMIT });
    expect(manifest.files).toContainEqual({
      path: WEIGHTS,
      url: `${address}/${ID}/resolve/${COMMIT}/${WEIGHTS}`,
      bytes: (await stat(join(published, WEIGHTS))).size,
      sha256: sha256(await readFile(join(published, WEIGHTS))),
    });
    asked = [];
    expect((await run(ID)).code).toBe(exitCodes.done);
    expect(asked).toEqual([]);
    await writeFile(join(to, 'config.json'), `${await readFile(join(to, 'config.json'), 'utf8')} `);
    const verified = await command('models', 'verify', to);
    expect(verified.out).toMatch(/files +failed: config\.json has \d+ bytes, expected \d+/);
  });

  it('goes on where a broken connection left it', async () => {
    let breaks = 2;
    serve = (request, response, content) => {
      if (!request.url!.endsWith(WEIGHTS) || breaks === 0) return byRange(request, response, content);
      breaks -= 1;
      const from = rangeOf(request);
      response.writeHead(from === 0 ? 200 : 206, { 'content-length': content.length - from });
      response.write(content.subarray(from, from + 4000));
      setTimeout(() => response.destroy(), 200);
    };
    expect((await run(ID)).code).toBe(exitCodes.done);
    const ranges = asked.filter((line) => line.includes(WEIGHTS)).map((line) => line.split(' ')[1]);
    expect(ranges).toEqual(['-', 'bytes=4000-', 'bytes=8000-']);
    expect(await readFile(join(to, WEIGHTS))).toEqual(await readFile(join(published, WEIGHTS)));
  }, 20_000);

  it('begins again where the server knows no ranges', async () => {
    await run(ID);
    const whole = await readFile(join(to, WEIGHTS));
    await rm(join(to, WEIGHTS));
    await writeFile(join(to, `${WEIGHTS}.partial`), whole.subarray(0, 1000));
    serve = (_request, response, content) => void response.end(content);
    expect((await run(ID)).code).toBe(exitCodes.done);
    expect(await readFile(join(to, WEIGHTS))).toEqual(whole);
  });

  it('throws away what is another file than announced', async () => {
    serve = (request, response, content) =>
      byRange(request, response, request.url!.endsWith(WEIGHTS) ? Buffer.alloc(content.length) : content);
    const { code, err } = await run(ID);
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toMatch(/model\.safetensors is another file than expected: sha256 [0-9a-f]{64}, expected/);
    expect((await readdir(to)).filter((name) => name.startsWith('model'))).toEqual([]);
  });

  it('refuses another architecture before its weights are fetched', async () => {
    await writeFile(join(published, 'config.json'), JSON.stringify({ model_type: 'bert' }));
    const { code, err } = await run(ID);
    expect(code).toBe(exitCodes.usage);
    expect(err).toMatch(/config\.json: model_type: .*"clip"/);
    expect(asked.some((line) => line.includes(WEIGHTS))).toBe(false);
  });

  it('shows its token to the hub and to no other host', async () => {
    const other = createServer((request, response) => {
      asked.push(`elsewhere ${request.headers.authorization ?? '-'}`);
      void readFile(join(published, WEIGHTS)).then((content) => response.end(content));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const place = `http://127.0.0.1:${(other.address() as AddressInfo).port}/blob`;
    serve = (request, response, content) => {
      if (!request.url!.endsWith(WEIGHTS)) return byRange(request, response, content);
      response.writeHead(302, { location: place }).end();
    };
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    expect((await run(ID)).code).toBe(exitCodes.done);
    expect(asked).toContain('elsewhere -');
    expect(asked.find((line) => line.includes('config.json'))).toContain('Bearer hf_secret');
    other.close();
  });

  it('goes through a proxy', async () => {
    const through: string[] = [];
    const proxy = createServer((request, response) => {
      through.push(request.url!);
      request.url = new URL(request.url!).pathname + new URL(request.url!).search;
      void answer(request, response);
    });
    // A proxy is asked for a tunnel, whatever the scheme; this one answers in its place.
    proxy.on('connect', (request, socket) => {
      through.push(request.url!);
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      hub.emit('connection', socket);
    });
    proxy.listen(0, '127.0.0.1');
    await new Promise((resolve) => proxy.once('listening', resolve));
    vi.stubEnv('HF_ENDPOINT', 'http://hub.invalid');
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    expect((await run(ID)).code).toBe(exitCodes.done);
    expect(through.length).toBeGreaterThan(0);
    proxy.closeAllConnections();
    proxy.close();
  });

  it('takes a folder that was carried over, and a manifest, and checks what lies there', { tags: 'long', timeout: 20_000 }, async () => {
    await run(ID);
    const carried = join(folder, 'carried');
    await cp(to, carried, { recursive: true });
    hub.close();
    const again = join(folder, 'again');
    expect((await command('models', 'pull', carried, '--to', again)).code).toBe(exitCodes.done);
    expect(await readFile(join(again, WEIGHTS))).toEqual(await readFile(join(published, WEIGHTS)));
    await writeFile(join(carried, WEIGHTS), (await readFile(join(carried, WEIGHTS))).subarray(0, 5000));
    await rm(again, { recursive: true });
    const broken = await command('models', 'pull', carried, '--to', again);
    expect(broken.err).toMatch(/is truncated: 5000 of \d+ bytes/);
  });

  it.each([
    ['a model that is not there', 'someone/none', exitCodes.refused, /status 404: there is no such model/],
    ['one behind a licence', 'someone/gated', exitCodes.refused, /status 401: accept the model's licence/],
    ['what is no name', 'tiny model', exitCodes.usage, /expected an id such as/],
    ['a folder without a manifest', 'docs', exitCodes.usage, /models add docs" writes it/],
  ])('says what to do about %s', async (_name, model, code, message) => {
    const found = await run(model);
    expect(found.err).toMatch(message);
    expect(found.code).toBe(code);
  });

  it('says how much room is missing before anything comes', async () => {
    const file = { path: WEIGHTS, bytes: 1e15, sha256: sha256(Buffer.from('x')), url: `${address}/x` };
    await writeFile(join(folder, 'large.json'), JSON.stringify({ files: [file] }));
    const { code, err } = await command('models', 'pull', join(folder, 'large.json'), '--to', to);
    expect(code).toBe(exitCodes.otherwise);
    expect(err).toMatch(/needs 1000000000\.0 MB more, [\d.]+ MB are free on that disk/);
  });

  it('says what else there is where no hub is to be reached', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    const { code, err } = await run(ID);
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toMatch(/The hub can't be reached .*HF_ENDPOINT names another hub/);
  });

  it('refuses a manifest whose files lie outside of the folder', async () => {
    const file = { path: '../outside', bytes: 1, sha256: sha256(Buffer.from('x')), url: `${address}/x` };
    await writeFile(join(folder, 'evil.json'), JSON.stringify({ files: [file] }));
    const { code, err } = await command('models', 'pull', join(folder, 'evil.json'), '--to', to);
    expect(code).toBe(exitCodes.usage);
    expect(err).toContain('expected a path that stays in the folder');
  });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url!, address);
  if (pathname.includes('/gated/')) return void response.writeHead(401).end();
  const file = `/${ID}/resolve/${COMMIT}/`;
  if (pathname.startsWith(file)) {
    asked.push(`${pathname} ${request.headers.range ?? '-'} ${request.headers.authorization ?? '-'}`);
    return serve(request, response, await readFile(join(published, pathname.slice(file.length))));
  }
  if (!pathname.startsWith(`/api/models/${ID}/revision/main`)) return void response.writeHead(404).end();
  const siblings = [];
  for (const name of await readdir(published)) {
    const content = await readFile(join(published, name));
    const blobId = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
    const lfs = name === WEIGHTS ? { sha256: sha256(content) } : null;
    siblings.push({ rfilename: name, size: content.length, blobId, ...(lfs && { lfs }) });
  }
  response.end(JSON.stringify({ sha: COMMIT, siblings }));
}

function byRange(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
  const from = rangeOf(request);
  response.writeHead(from === 0 ? 200 : 206).end(content.subarray(from));
}

function rangeOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
}

function run(model: string): Promise<{ code: number; out: string; err: string }> {
  return command('models', 'pull', model, '--to', to);
}

async function command(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((texts.out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((texts.err += String(text)), true));
  const code = await runCommand(words, new AbortController().signal);
  return { code, ...texts };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
