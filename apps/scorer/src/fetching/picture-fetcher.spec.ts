import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PictureFetcher, type PictureSources } from './picture-fetcher.js';

const bytes = Buffer.from('the bytes of a picture');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const defaults: PictureSources = {
  roots: [],
  hosts: [],
  maxBytes: 1000,
  timeoutMs: 2000,
  deadlineMs: 600,
  atATime: 8,
  bytesInMemory: 10_000,
};

const uriOf = (...parts: string[]): string => pathToFileURL(join(...parts)).href;

async function fetchWith(
  sources: Partial<PictureSources>,
  uri: string,
  announced: { readonly sha256?: string | null; readonly madeAtMs?: number } = {},
) {
  const fetcher = new PictureFetcher({ ...defaults, ...sources });
  const { madeAtMs } = announced;
  const digest = announced.sha256 === undefined ? sha256 : announced.sha256;
  const result = await fetcher.fetch({ uri, sha256: digest }, madeAtMs === undefined ? {} : { madeAtMs });
  await fetcher.close();
  return result;
}

describe('file pictures', () => {
  let base: string;
  let root: string;

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'teststrip-files-'));
    root = join(base, 'pictures');
    await mkdir(join(root, 'deep'), { recursive: true });
    await writeFile(join(root, 'deep/a.png'), bytes);
    await writeFile(join(root, 'other.png'), 'something else');
    await writeFile(join(root, 'large.png'), Buffer.alloc(1001));
    await writeFile(join(base, 'secret.png'), bytes);
    await mkdir(join(base, 'pictures-private'));
    await writeFile(join(base, 'pictures-private/a.png'), bytes);
    await symlink(join(base, 'secret.png'), join(root, 'escape.png'));
    await symlink(base, join(root, 'up'));
    await symlink(join(root, 'deep/a.png'), join(root, 'inside.png'));
    await symlink(root, join(base, 'linked-root'));
  });
  afterAll(() => rm(base, { recursive: true }));

  it('are read under a root, through links that stay inside, and under a root that is a link', async () => {
    const expected = { outcome: 'fetched', bytes };
    expect(await fetchWith({ roots: [root] }, uriOf(root, 'deep/a.png'))).toEqual(expected);
    expect(await fetchWith({ roots: [root] }, uriOf(root, 'inside.png'))).toEqual(expected);
    expect(await fetchWith({ roots: [join(base, 'linked-root')] }, uriOf(base, 'linked-root/deep/a.png'))).toEqual(
      expected,
    );
    expect(await fetchWith({ roots: [join(base, 'linked-root')] }, uriOf(root, 'deep/a.png'))).toEqual(expected);
  });

  it.each([
    ['outside', 'secret.png'],
    ['by dots', 'pictures/../secret.png'],
    ['in a neighbour with the same beginning', 'pictures-private/a.png'],
    ['by a link to a file', 'pictures/escape.png'],
    ['by a link to a folder', 'pictures/up/secret.png'],
    ['outside and missing', 'nothing.png'],
  ])('are refused %s', async (_how, path) => {
    const uri = `${pathToFileURL(base).href}/${path}`;
    const result = await fetchWith({ roots: [root] }, uri);
    expect(result).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('outside the folders') });
  });

  it('are refused by escaped dots, on another host, when a folder and when too large', async () => {
    const escaped = `${pathToFileURL(root).href}/%2e%2e/secret.png`;
    expect((await fetchWith({ roots: [root] }, escaped)).outcome).toBe('refused');
    expect((await fetchWith({ roots: [root] }, 'file://host/a.png')).outcome).toBe('refused');
    expect((await fetchWith({ roots: [root] }, uriOf(root, 'deep'))).outcome).toBe('refused');
    const large = await fetchWith({ roots: [root] }, uriOf(root, 'large.png'));
    expect(large).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('1001 bytes, at most 1000') });
  });

  it('are unavailable when missing and a digest mismatch when they are not the announced ones', async () => {
    expect((await fetchWith({ roots: [root] }, uriOf(root, 'none.png'))).outcome).toBe('unavailable');
    expect(await fetchWith({ roots: [root] }, uriOf(root, 'other.png'))).toMatchObject({
      outcome: 'digest-mismatch',
      reason: expect.stringContaining(sha256),
    });
  });
});

describe('data pictures', () => {
  it('are decoded, limited and must be base64', async () => {
    const uri = `data:image/png;base64,${bytes.toString('base64')}`;
    expect(await fetchWith({}, uri)).toEqual({ outcome: 'fetched', bytes });
    expect((await fetchWith({ maxBytes: 10 }, uri)).outcome).toBe('refused');
    expect((await fetchWith({}, 'data:image/png,abc')).outcome).toBe('refused');
    expect((await fetchWith({}, 'data:image/png;base64,')).outcome).toBe('unavailable');
  });
});

describe('http pictures', () => {
  let server: Server;
  let host: string;
  let failures: number;
  let failuresAs: number;

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      switch (incoming.url) {
        case '/a.png':
          return void response.end(bytes);
        case '/flaky.png':
          response.statusCode = failures-- > 0 ? failuresAs : 200;
          return void response.end(bytes);
        case '/gzip.png':
          return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(bytes));
        case '/bomb.png':
          return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(100_000)));
        case '/no-gzip.png':
          return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes);
        case '/stored-gzip.png':
          return void response.end(gzipSync(bytes));
        case '/empty.png':
          return void response.end();
        case '/page.png':
          return void response.end('\n<html>Sign in to the guest network</html>');
        case '/error.png':
          return void response.end('{"message":"no such picture"}');
        case '/cut.png':
          response.writeHead(200, { 'content-length': String(bytes.length) }).write(bytes.subarray(0, 5));
          return void setTimeout(() => response.destroy(), 20);
        case '/other.png':
          return void response.end('another picture');
        case '/loop.png':
          return void response.writeHead(302, { location: '/loop.png' }).end();
        case '/elsewhere.png':
          // The same machine by another name.
          return void response.writeHead(302, { location: `http://localhost:${host.split(':')[1]}/a.png` }).end();
        case '/large.png':
          return void response.end(Buffer.alloc(1001));
        case '/endless.png':
          response.write(Buffer.alloc(600));
          return void response.write(Buffer.alloc(600));
        case '/moved.png':
          return void response.writeHead(302, { location: '/a.png' }).end();
        case '/away.png':
          return void response.writeHead(302, { location: 'http://example.com/a.png' }).end();
        case '/file.png':
          return void response.writeHead(302, { location: 'file:///etc/passwd' }).end();
        case '/silent.png':
          return;
        default:
          response.statusCode = 404;
          return void response.end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('are fetched from an allowed host, a private one too when it is named in full', async () => {
    expect(await fetchWith({ hosts: [host] }, `http://${host}/a.png`)).toEqual({ outcome: 'fetched', bytes });
  });

  it('are refused from other hosts, ports and by other schemes', async () => {
    for (const uri of [`http://${host}/a.png`, 'https://example.com/a.png']) {
      expect(await fetchWith({ hosts: ['127.0.0.1'] }, uri)).toMatchObject({
        outcome: 'refused',
        reason: expect.stringContaining('not on the list of allowed hosts'),
      });
    }
    expect((await fetchWith({}, 's3://bucket/a.png')).outcome).toBe('refused');
    expect((await fetchWith({}, 'not a uri')).outcome).toBe('refused');
  });

  it('are followed to the same host, which may have a private address when it is named in full', async () => {
    expect(await fetchWith({ hosts: [host] }, `http://${host}/moved.png`)).toEqual({ outcome: 'fetched', bytes });
    const loop = await fetchWith({ hosts: [host] }, `http://${host}/loop.png`);
    expect(loop).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('more than 3 times') });
  });

  it('are not followed to private addresses of others, foreign hosts or files', async () => {
    const allowed = [host, `localhost:${host.split(':')[1]}`];
    const moved = await fetchWith({ hosts: allowed }, `http://${host}/elsewhere.png`);
    expect(moved).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('private address 127.0.0.1') });
    expect((await fetchWith({ hosts: [host] }, `http://${host}/away.png`)).outcome).toBe('refused');
    expect((await fetchWith({ hosts: [host] }, `http://${host}/file.png`)).outcome).toBe('refused');
  });

  it('are refused when a name that only matches a wildcard resolves to a private address', async () => {
    const port = host.split(':')[1]!;
    const result = await fetchWith({ hosts: [`*.localhost:${port}`] }, `http://pictures.localhost:${port}/a.png`);
    // Where the system does not know the name at all, nothing is reached either.
    expect(['refused', 'unavailable']).toContain(result.outcome);
  });

  it('are refused when too large, announced or not', async () => {
    expect((await fetchWith({ hosts: [host] }, `http://${host}/large.png`)).outcome).toBe('refused');
    expect((await fetchWith({ hosts: [host] }, `http://${host}/endless.png`)).outcome).toBe('refused');
  });

  it('are tried until the deadline while the host fails', async () => {
    [failures, failuresAs] = [2, 503];
    expect((await fetchWith({ hosts: [host], deadlineMs: 2_000 }, `http://${host}/flaky.png`)).outcome).toBe('fetched');
    failures = 100;
    const startedMs = performance.now();
    const given = await fetchWith({ hosts: [host] }, `http://${host}/flaky.png`);
    expect(given).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining('status 503') });
    expect(failures).toBeLessThan(99);
    expect(performance.now() - startedMs).toBeLessThan(1_500);
  });

  it('are waited for when they are young and not there yet, and not when they are old', async () => {
    [failures, failuresAs] = [1, 404];
    const young = { madeAtMs: Date.now() };
    expect((await fetchWith({ hosts: [host] }, `http://${host}/flaky.png`, young)).outcome).toBe('fetched');
    failures = 1;
    const old = await fetchWith({ hosts: [host] }, `http://${host}/flaky.png`, { madeAtMs: Date.now() - 60_000 });
    expect(old).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining('status 404') });
    expect(failures).toBe(0);
  });

  it('are what was sent, unpacked where they came packed', async () => {
    expect(await fetchWith({ hosts: [host] }, `http://${host}/gzip.png`)).toEqual({ outcome: 'fetched', bytes });
    expect((await fetchWith({ hosts: [host] }, `http://${host}/bomb.png`)).outcome).toBe('refused');
  });

  it.each([
    ['empty.png', 'is empty'],
    ['page.png', 'a page in HTML or XML'],
    ['error.png', 'is JSON'],
    ['stored-gzip.png', 'packed with gzip'],
    ['no-gzip.png', "can't be unpacked"],
    ['cut.png', "can't be fetched"],
  ])('are unavailable, which is no fault of the variant, where a carrier spoiled them: %s', async (path, reason) => {
    for (const digest of [sha256, null]) {
      const result = await fetchWith({ hosts: [host] }, `http://${host}/${path}`, { sha256: digest });
      expect(result).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining(reason) });
    }
  });

  it('are not the announced ones when they are others', async () => {
    expect((await fetchWith({ hosts: [host] }, `http://${host}/other.png`)).outcome).toBe('digest-mismatch');
  });

  it('of a host that is silent keep none of another host waiting', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const silentHost = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const hosts = [host, silentHost];
    const fetcher = new PictureFetcher({ ...defaults, hosts, atATime: 2, timeoutMs: 300, deadlineMs: 600 });
    const stuck = Array.from({ length: 50 }, () => fetcher.fetch({ uri: `http://${silentHost}/a.png`, sha256 }));
    const startedMs = performance.now();
    const fine = await Promise.all(
      Array.from({ length: 50 }, () => fetcher.fetch({ uri: `http://${host}/a.png`, sha256 })),
    );
    expect(fine.every(({ outcome }) => outcome === 'fetched')).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(300);
    const outcomes = new Set((await Promise.all(stuck)).map(({ outcome }) => outcome));
    expect([...outcomes].every((outcome) => outcome === 'late' || outcome === 'unavailable')).toBe(true);
    // Fifty times the time-out would be 7.5 s, two at a time.
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(fetcher.hosts().find((one) => one.host === silentHost)!.state).toBe('given-up');
    await fetcher.close();
    silent.closeAllConnections();
    silent.close();
  });

  it('are late when the server stays silent', async () => {
    const result = await fetchWith({ hosts: [host], timeoutMs: 50, deadlineMs: 100 }, `http://${host}/silent.png`);
    expect(result.outcome).toBe('late');
  });
});
