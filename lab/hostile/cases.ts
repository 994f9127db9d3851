import { createHash } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { pngAnnouncing, pngChunk } from '#libs/testing/pictures';

/** How a host sends a picture. */
export type Sending =
  | { readonly how: 'plainly' }
  | { readonly how: 'packed' }
  | { readonly how: 'with-length'; readonly bytes: number }
  | { readonly how: 'redirected'; readonly to: string }
  | { readonly how: 'after-failures'; readonly failures: number; readonly status: number }
  | { readonly how: 'by-drops' }
  | { readonly how: 'never' };

/** One picture as somebody who means no good, or has bad luck, may announce it. */
export interface HostileCase {
  readonly kind: string;
  /** Which of the hosts has it: the two that do their part, the one that lies, the one that hangs. */
  readonly host: 'fine-1' | 'fine-2' | 'lying' | 'hanging';
  readonly body: Buffer;
  readonly sending: Sending;
  /** As the event announces it. */
  readonly sha256: string | null;
  /** What may come of it. */
  readonly allowed: readonly string[];
}

type Chance = () => number;

const PLAINLY: Sending = { how: 'plainly' };
const CARRIERS_FAULT = ['unavailable', 'late'];

/** A seeded set of hostile pictures, every second one a good one of a host that does its part. */
export async function hostileCases(count: number, random: Chance): Promise<readonly HostileCase[]> {
  const makers = Object.entries(kinds);
  const cases: HostileCase[] = [];
  for (let index = 0; index < count; index += 1) {
    const [kind, make] = makers[Math.floor(index / 2) % makers.length]!;
    const good = await goodPicture(random);
    if (index % 2 === 0) {
      const host = index % 4 === 0 ? 'fine-1' : 'fine-2';
      cases.push({ kind: 'good', host, body: good, sending: PLAINLY, sha256: digest(good), allowed: ['scored'] });
      continue;
    }
    const made = await make(good, random);
    const body = made.body ?? good;
    cases.push({ kind, host: 'lying', sending: PLAINLY, sha256: digest(body), ...made, body });
  }
  return cases;
}

type Made = Pick<HostileCase, 'allowed'> & Partial<HostileCase>;

const kinds: Readonly<Record<string, (good: Buffer, random: Chance) => Made | Promise<Made>>> = {
  'cut short': (good, random) => ({
    body: good.subarray(0, 20 + Math.floor(random() * (good.length - 40))),
    allowed: ['undecodable'],
  }),
  'bytes turned': (good, random) => ({
    body: withTurnedBytes(good, random),
    allowed: ['undecodable', 'scored', 'blank'],
  }),
  noise: (_good, random) => ({
    body: Buffer.from(Array.from({ length: 2_000 }, () => Math.floor(random() * 256))),
    allowed: ['undecodable', 'unsupported', 'unavailable'],
  }),
  'no bytes': () => ({ body: Buffer.alloc(0), allowed: CARRIERS_FAULT.concat('undecodable') }),
  'announces 60,000 × 60,000': () => ({ body: hugeHeader(), allowed: ['refused'] }),
  'packed text of 20 MB': (good) => ({ body: withPackedText(good), allowed: ['scored'] }),
  'large and of one colour': async (_good, random) => ({
    body: anew(await once('teal', () => tealPicture(3_000)), random),
    allowed: ['blank'],
  }),
  'a JPEG of 2,500 × 2,500': async (good, random) => ({
    body: anew(await once('jpeg', () => largeJpeg(good, 2_500)), random),
    allowed: ['scored'],
  }),
  'another picture than announced': (good) => ({
    sha256: digest(Buffer.concat([good, good])),
    allowed: ['digest-mismatch'],
  }),
  'another format': async (good) => ({ body: await sharp(good).gif().toBuffer(), allowed: ['unsupported'] }),
  'a page instead': (good) => ({
    body: Buffer.from('<!doctype html><title>Sign in</title>'),
    sha256: digest(good),
    allowed: CARRIERS_FAULT,
  }),
  'an error instead, nothing announced': () => ({
    body: Buffer.from('{"error":"expired"}'),
    sha256: null,
    allowed: CARRIERS_FAULT,
  }),
  'packed, as it says': (good) => ({
    body: gzipSync(good),
    sha256: digest(good),
    sending: { how: 'packed' },
    allowed: ['scored'],
  }),
  'unpacks to 100 MB': () => ({
    body: once('bomb', () => gzipSync(Buffer.alloc(100_000_000))),
    sha256: digest(Buffer.of(1)),
    sending: { how: 'packed' },
    allowed: ['refused'],
  }),
  'stored packed': (good) => ({ body: gzipSync(good), sha256: digest(good), allowed: CARRIERS_FAULT }),
  'shorter than its length': (good) => ({
    host: 'hanging',
    sending: { how: 'with-length', bytes: good.length + 100 },
    allowed: CARRIERS_FAULT,
  }),
  'a length beyond the limit': () => ({ sending: { how: 'with-length', bytes: 1e12 }, allowed: ['refused'] }),
  'sent round and round': () => ({ sending: { how: 'redirected', to: 'itself' }, allowed: ['refused'] }),
  'sent to the own network': () => ({
    sending: { how: 'redirected', to: 'http://169.254.169.254/latest/meta-data' },
    allowed: ['refused'],
  }),
  'sent to a file': () => ({ sending: { how: 'redirected', to: 'file:///etc/passwd' }, allowed: ['refused'] }),
  'sent to no URL': () => ({ sending: { how: 'redirected', to: 'http://[' }, allowed: ['refused'] }),
  'there after two failures': () => ({
    host: 'fine-2',
    sending: { how: 'after-failures', failures: 2, status: 503 },
    allowed: ['scored'],
  }),
  'there a little later': () => ({
    host: 'fine-1',
    sending: { how: 'after-failures', failures: 1, status: 404 },
    allowed: ['scored'],
  }),
  'by drops': () => ({ host: 'hanging', sending: { how: 'by-drops' }, allowed: CARRIERS_FAULT }),
  'never, of a host that hangs': () => ({ host: 'hanging', sending: { how: 'never' }, allowed: CARRIERS_FAULT }),
};

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Noise of some colours: nothing blank, and every one another picture. */
function goodPicture(random: Chance): Promise<Buffer> {
  const side = 24 + Math.floor(random() * 40);
  const pixels = Uint8Array.from({ length: side * side * 3 }, () => Math.floor(random() * 256));
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

function withTurnedBytes(good: Buffer, random: Chance): Buffer {
  const turned = Buffer.from(good);
  for (let times = 0; times < 5; times += 1) {
    const at = 8 + Math.floor(random() * (turned.length - 8));
    turned[at] = turned[at]! ^ (1 + Math.floor(random() * 255));
  }
  return turned;
}

function hugeHeader(): Buffer {
  return pngAnnouncing(60_000, 60_000, deflateSync(Buffer.alloc(1000)));
}

/** A text of 20 MB behind the header that is packed to a thousandth. */
function withPackedText(png: Buffer): Buffer {
  const text = once('text', () =>
    pngChunk('zTXt', Buffer.concat([Buffer.from('workflow\0\0'), deflateSync(Buffer.alloc(20_000_000, 'a'))])),
  );
  const behindHeader = 8 + 25;
  return Buffer.concat([png.subarray(0, behindHeader), text, png.subarray(behindHeader)]);
}

function tealPicture(side: number): Promise<Buffer> {
  return sharp({ create: { width: side, height: side, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
}

function largeJpeg(good: Buffer, side: number): Promise<Buffer> {
  return sharp(good).resize(side, side, { fit: 'fill' }).jpeg().toBuffer();
}

const made = new Map<string, unknown>();

/** What takes long is made once. */
function once<Value>(name: string, make: () => Value): Value {
  if (!made.has(name)) made.set(name, make());
  return made.get(name) as Value;
}

/** The same picture in another file: what lies behind its end is read by nobody. */
function anew(picture: Buffer, random: Chance): Buffer {
  return Buffer.concat([picture, Buffer.from(String(random()))]);
}
