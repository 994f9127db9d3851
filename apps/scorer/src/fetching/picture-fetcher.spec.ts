import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PictureFetcher, type PictureSources } from './picture-fetcher.js';

const bytes = Buffer.from('the bytes of a picture');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const defaults: PictureSources = { roots: [], hosts: [], maxBytes: 1000, timeoutMs: 2000 };

const uriOf = (...parts: string[]): string => pathToFileURL(join(...parts)).href;

async function fetchWith(sources: Partial<PictureSources>, uri: string) {
  const fetcher = new PictureFetcher({ ...defaults, ...sources });
  const result = await fetcher.fetch({ uri, sha256 });
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

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      switch (incoming.url) {
        case '/a.png':
          return void response.end(bytes);
        case '/flaky.png':
          response.statusCode = failures-- > 0 ? 503 : 200;
          return void response.end(bytes);
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

  it('are not followed to private addresses, foreign hosts or files', async () => {
    const moved = await fetchWith({ hosts: [host] }, `http://${host}/moved.png`);
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

  it('are asked for once more after a failure of the server, and unavailable after that', async () => {
    failures = 1;
    expect((await fetchWith({ hosts: [host] }, `http://${host}/flaky.png`)).outcome).toBe('fetched');
    failures = 2;
    expect((await fetchWith({ hosts: [host] }, `http://${host}/flaky.png`)).outcome).toBe('unavailable');
    expect((await fetchWith({ hosts: [host] }, `http://${host}/missing.png`)).outcome).toBe('unavailable');
  });

  it('are late when the server stays silent', async () => {
    const result = await fetchWith({ hosts: [host], timeoutMs: 50 }, `http://${host}/silent.png`);
    expect(result.outcome).toBe('late');
  });
});
