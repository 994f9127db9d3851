import { createHash, createPublicKey, createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gsAddresses, signedAddress } from './gs-addresses.js';
import { PictureFetcher, type PictureSources } from './picture-fetcher.js';
import { s3Addresses } from './s3-addresses.js';

const bytes = Buffer.from('the bytes of a picture');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const account = { client_email: 'scorer@project.iam.gserviceaccount.com', private_key: key };
const sources: PictureSources = {
  roots: [],
  hosts: [],
  maxBytes: 1000,
  timeoutMs: 1000,
  deadlineMs: 300,
  atATime: 8,
  bytesInMemory: 10_000,
};

/** A store that gives an object to who has a signed address of it. */
let server: Server;
let endpoint: string;
let folder: string;

beforeAll(async () => {
  server = createServer((incoming, response) => {
    const url = new URL(incoming.url!, endpoint);
    if (!isSigned(url)) return void response.writeHead(403).end();
    if (url.pathname === '/pictures/moved.png') {
      return void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
    }
    return void response.writeHead(url.pathname === '/pictures/deep/a%20b%23%28%C3%A9%29.png' ? 200 : 404).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'teststrip-gs-'));
  await writeFile(join(folder, 'key.json'), JSON.stringify(account));
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

describe('gs pictures', () => {
  it('are fetched from listed buckets by an address that is signed, whatever their key is', async () => {
    const fetched = await fetchFrom('gs://pictures/deep/a b#(é).png');
    expect(fetched).toEqual({ outcome: 'fetched', bytes });
  });

  it('are refused from other buckets and where a store sends elsewhere; no signature stands in a reason', async () => {
    expect(await fetchFrom('gs://private/a.png')).toMatchObject({
      outcome: 'refused',
      reason: 'bucket "private" is not on the list of allowed buckets: pictures',
    });
    expect((await fetchFrom('gs://pictures/moved.png')).outcome).toBe('refused');
    expect((await fetchFrom('gs://pictures')).outcome).toBe('refused');
    expect(await fetchFrom('gs://pictures/none.png')).toEqual({
      outcome: 'unavailable',
      reason: '"gs://pictures/none.png" answers with status 404, expected 200',
    });
    const unconfigured = new PictureFetcher(sources);
    expect((await unconfigured.fetch({ uri: 's3://pictures/a.png', sha256 })).outcome).toBe('refused');
    await unconfigured.close();
  });

  it.each(['../private/a.png', 'deep/../../private/a.png', './a.png', '..', 'deep/..', '..\\private/a.png'])(
    'are asked for nowhere where the key leads out of its bucket: %s',
    async (objectKey) => {
      expect(await fetchFrom(`gs://pictures/${objectKey}`)).toEqual({
        outcome: 'refused',
        reason: `"gs://pictures/${objectKey}" has "." or ".." in its key`,
      });
    },
  );

  it('need the key of a service account', async () => {
    await writeFile(join(folder, 'none.json'), '{}');
    await expect(gsAddresses(join(folder, 'none.json'), endpoint)).rejects.toThrow(
      'is no key of a Google service account',
    );
  });

  it('are signed for their own bucket, key and quarter of an hour', () => {
    const at = new Date('2026-02-01T09:00:00Z');
    const url = signedAddress({ endpoint, bucket: 'pictures', key: 'a/b.png' }, account, at);
    expect(isSigned(url)).toBe(true);
    expect(url.searchParams.get('X-Goog-Credential')).toBe(
      'scorer@project.iam.gserviceaccount.com/20260201/auto/storage/goog4_request',
    );
    expect([url.searchParams.get('X-Goog-Date'), url.searchParams.get('X-Goog-Expires')]).toEqual([
      '20260201T090000Z',
      '900',
    ]);
    expect(isSigned(new URL(url.href.replace('b.png', 'c.png')))).toBe(false);
  });
});

describe('s3 pictures', () => {
  it('need the AWS SDK, and say how to get it', async () => {
    if (isSdkHere()) return;
    await expect(s3Addresses(endpoint)).rejects.toThrow(
      "pictures can't be read from S3: @aws-sdk/client-s3 is not installed; to get it: npm install --no-save",
    );
  });

  // A store of S3's kind with a bucket `pictures`, whose objects are these bytes: S3_TEST_ENDPOINT=http://127.0.0.1:5055, with the SDK installed and AWS_… set.
  const store = process.env['S3_TEST_ENDPOINT'];
  it.skipIf(store === undefined)('are fetched from listed buckets of a real store, whatever their key is', async () => {
    const sign = await s3Addresses(store);
    const fetcher = new PictureFetcher({ ...sources, s3: { names: ['pictures'], sign } });
    for (const name of ['a.png', 'deep/a b#(é)+%.png']) {
      expect(await fetcher.fetch({ uri: `s3://pictures/${name}`, sha256 })).toEqual({ outcome: 'fetched', bytes });
    }
    expect((await fetcher.fetch({ uri: 's3://pictures/none.png', sha256 })).outcome).toBe('unavailable');
    expect((await fetcher.fetch({ uri: 's3://private/a.png', sha256 })).outcome).toBe('refused');
    await fetcher.close();
  });
});

function isSdkHere(): boolean {
  try {
    createRequire(import.meta.url).resolve('@aws-sdk/client-s3');
    return true;
  } catch {
    return false;
  }
}

async function fetchFrom(uri: string) {
  const sign = await gsAddresses(join(folder, 'key.json'), endpoint);
  const fetcher = new PictureFetcher({ ...sources, gs: { names: ['pictures'], sign } });
  const result = await fetcher.fetch({ uri, sha256 });
  await fetcher.close();
  return result;
}

/** As Google checks it: the request that came is what was signed. */
function isSigned(url: URL): boolean {
  const [query, signature] = url.search.slice(1).split('&X-Goog-Signature=');
  if (signature === undefined) return false;
  const date = url.searchParams.get('X-Goog-Date')!;
  const request = `GET\n${url.pathname}\n${query}\nhost:${url.host}\n\nhost\nUNSIGNED-PAYLOAD`;
  const digest = createHash('sha256').update(request).digest('hex');
  const signed = `GOOG4-RSA-SHA256\n${date}\n${date.slice(0, 8)}/auto/storage/goog4_request\n${digest}`;
  return createVerify('RSA-SHA256').update(signed).verify(createPublicKey(key), signature, 'hex');
}
