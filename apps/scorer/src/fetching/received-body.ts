import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { Allowance } from './allowance.js';
import { refused, unavailable, type FetchedPicture } from './fetched-picture.js';

const unpackers: Readonly<Record<string, typeof gunzip>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress,
};

/** One body is unpacked at a time: however many come, no more than one is larger in memory than it was on its way. */
const unpacking = new Allowance(1);

/** What stands where a picture should, by its first byte that is no blank: pages and messages of stores and proxies. */
const PAGES: Readonly<Record<string, string>> = { '<': 'a page in HTML or XML', '{': 'JSON' };

/**
 * The bytes as they were before a carrier packed them.
 * @param encoding of HTTP's `content-encoding`
 */
export async function unpacked(bytes: Buffer, encoding: string | undefined, maxBytes: number): Promise<FetchedPicture> {
  const name = encoding?.trim().toLowerCase() ?? 'identity';
  if (name === 'identity' || name === '') return { outcome: 'fetched', bytes };
  const unpack = unpackers[name];
  if (unpack === undefined)
    return unavailable(`the picture came packed as "${name}", expected gzip, deflate, br or as it is`);
  const turn = await unpacking.take(1);
  try {
    return { outcome: 'fetched', bytes: await promisify(unpack)(bytes, { maxOutputLength: maxBytes }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ERR_BUFFER_TOO_LARGE'
      ? refused(`the picture has more than the ${maxBytes} bytes that are accepted when it is unpacked`)
      : unavailable(`the picture came packed as "${name}" and can't be unpacked: ${message}`);
  } finally {
    unpacking.giveBack(turn);
  }
}

/**
 * Bytes that no model made: nothing, what is packed, a page. Said of what has another digest than the announced one, or none announced:
 * then whoever carried the picture is at fault, and not the variant.
 */
export function carriersFault(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'what came is empty, expected a picture';
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'what came is packed with gzip, expected a picture';
  const text = bytes
    .toString('latin1', 0, 64)
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  const page = PAGES[text.charAt(0)];
  return page === undefined ? undefined : `what came is ${page}, expected a picture`;
}
