import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { MOST_LEVELS, tooDeepInJson } from '#libs/contracts';
import { ProblemException } from './problem.js';

/** Larger bodies than an experiment file with hundreds of variants are a mistake. */
const LARGEST_BODY_BYTES = 256 * 1024;

/** The media types that are understood, and how they are read. */
const FORMATS: Readonly<Record<string, 'json' | 'yaml'>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/x-yaml': 'yaml',
  'text/yaml': 'yaml',
  'text/x-yaml': 'yaml',
};

/** A YAML body as it came: whoever takes YAML reads the bytes, with their lines. */
export class YamlText {
  constructor(readonly text: string) {}
}

/**
 * A body that nobody has read yet: batches of events are larger than anything else that is sent, so their route reads them itself (`x-reads-body`
 * in its description), when it is known that their sender may send them.
 */
export class UnreadBody {
  constructor(private readonly request: IncomingMessage) {}

  /** In lower case, without parameters. */
  get mediaType(): string {
    return mediaTypeOf(this.request);
  }

  /**
   * The text, unpacked where it comes with `content-encoding: gzip`.
   * @throws ProblemException 413 for one that is too long, unpacked or not, 415 for another encoding, 400 for what is not packed as it says or no UTF-8.
   */
  async text(largestBytes: number): Promise<string> {
    const { request } = this;
    const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
    if (encoding !== 'identity' && encoding !== 'gzip') {
      const detail = `content-encoding: ${encoding}: expected gzip, or none`;
      throw new ProblemException({ title: 'The body is packed in a way that is not understood', status: 415, detail });
    }
    const packed = await bytesOf(request, largestBytes);
    const bytes = encoding === 'gzip' ? await unpacked(packed, largestBytes) : packed;
    const other = otherThanText(bytes);
    if (other !== undefined) throw noJson({ line: 1, column: 1 }, other);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw noJson({ line: 1, column: 1 }, 'not UTF-8');
    }
  }
}

export interface RequestBody {
  /** The bytes as they came, for messages about lines. */
  readonly bytes: Buffer;
  /** A JSON body's value, or {@link YamlText}. */
  readonly value: unknown;
}

/**
 * Reads the body of a request, the same way in every app; undefined where there is none.
 * @throws ProblemException 413 for one that is too long, 415 for a media type that nobody understands, 400 for a JSON body that is none.
 */
export async function readRequestBody(
  request: IncomingMessage,
  largestBytes = LARGEST_BODY_BYTES,
): Promise<RequestBody | undefined> {
  const bytes = await bytesOf(request, largestBytes);
  if (bytes.length === 0) return undefined;
  const format = formatOf(request);
  const other = format === 'json' ? otherThanText(bytes) : undefined;
  if (other !== undefined) throw noJson({ line: 1, column: 1 }, other);
  const text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes);
  return { bytes, value: format === 'json' ? parseJson(text) : new YamlText(text) };
}

const KNOWN_BEGINNINGS: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], 'compressed with gzip: expected the text itself'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'compressed with zstd: expected the text itself'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive: expected the text itself'],
  [[0xff, 0xfe], 'UTF-16 (or UTF-32): expected text in UTF-8'],
  [[0xfe, 0xff], 'UTF-16: expected text in UTF-8'],
  [[0x00, 0x00, 0xfe, 0xff], 'UTF-32: expected text in UTF-8'],
];

/** What bytes are that can't be a text in UTF-8, by how they begin; undefined: they may be one. */
export function otherThanText(bytes: Buffer): string | undefined {
  const known = KNOWN_BEGINNINGS.find(([beginning]) => beginning.every((byte, index) => bytes[index] === byte));
  if (known) return known[1];
  // Letters in UTF-16 without a mark: every second byte is 0.
  const isUtf16 = bytes.length >= 4 && (bytes[0] === 0) !== (bytes[1] === 0) && (bytes[2] === 0) !== (bytes[3] === 0);
  return isUtf16 ? 'UTF-16 without a byte order mark: expected text in UTF-8' : undefined;
}

/** @throws ProblemException 413 */
async function bytesOf(request: IncomingMessage, largestBytes: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > largestBytes) throw tooLong(request, largestBytes);
  return readBytes(request, largestBytes);
}

/** @throws ProblemException 400 for what is not packed with gzip, 413 for what is too long unpacked: a thousandth of it may be packed. */
async function unpacked(packed: Buffer, largestBytes: number): Promise<Buffer> {
  try {
    return await promisify(gunzip)(packed, { maxOutputLength: largestBytes });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_BUFFER_TOO_LARGE')
      throw noJson({ line: 1, column: 1 }, `not packed with gzip as content-encoding says (${message})`);
    const detail = `The body is longer than ${largestBytes} bytes when it is unpacked`;
    throw new ProblemException({ title: 'The body is too long', status: 413, detail });
  }
}

async function readBytes(request: IncomingMessage, largestBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // The stream outlives an early end: its sender is still to get an answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestBytes) throw tooLong(request, largestBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLong(request: IncomingMessage, largestBytes: number): ProblemException {
  request.resume();
  const detail = `The body is longer than ${largestBytes} bytes`;
  return new ProblemException({ title: 'The body is too long', status: 413, detail });
}

function mediaTypeOf(request: IncomingMessage): string {
  const [mediaType = ''] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  return mediaType.trim();
}

function formatOf(request: IncomingMessage): 'json' | 'yaml' {
  const given = request.headers['content-type'];
  const [mediaType = '', ...parameters] = (given ?? '').toLowerCase().split(';');
  const charset = parameters.map((part) => part.trim()).find((part) => part.startsWith('charset='));
  const format = FORMATS[mediaType.trim()];
  if (format && (charset === undefined || /^charset="?utf-?8"?$/.test(charset))) return format;
  throw new ProblemException({
    title: 'The body has a media type that is not understood',
    status: 415,
    detail: `content-type: ${given ?? '(none)'}: expected application/json or application/yaml in UTF-8`,
  });
}

function parseJson(text: string): unknown {
  const tooDeep = tooDeepInJson(text);
  if (tooDeep !== undefined) throw noJson(placeAt(tooDeep, text), `nested in more than ${MOST_LEVELS} levels`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = looksLikeYaml(text) ? '; where it is YAML, send it as content-type: application/yaml' : '';
    throw noJson(placeOf((error as Error).message, text), `${(error as Error).message}${hint}`);
  }
}

function noJson(place: Place, message: string): ProblemException {
  return new ProblemException({
    title: 'The body is no JSON',
    status: 400,
    detail: `line ${place.line}, column ${place.column}: ${message}`,
    problems: [{ ...place, message }],
  });
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** JSON of ours begins with a brace or bracket; YAML with a word and a colon, a comment, a list or a document's mark. */
function looksLikeYaml(text: string): boolean {
  return /^\s*(?:#|---|- |["']?\w[\w-]*["']?\s*:)/.test(text);
}

/** Of a short text Node names only the letter; where it is the first one, its place is known. */
function firstWrong(message: string, text: string): number {
  const first = text.length - text.trimStart().length;
  return /^Unexpected token '(.)'/.exec(message)?.[1] === text[first] ? first : text.length;
}

/** Node names a position in the text, and newer versions the line as well; a text that ends too early is wrong at its end. */
function placeOf(message: string, text: string): Place {
  return placeAt(Number(/position (\d+)/.exec(message)?.[1] ?? firstWrong(message, text)), text);
}

function placeAt(position: number, text: string): Place {
  const before = text.slice(0, position).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
