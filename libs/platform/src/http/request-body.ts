import type { IncomingMessage } from 'node:http';
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
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > largestBytes) throw tooLong(request, largestBytes);
  const bytes = await readBytes(request, largestBytes);
  if (bytes.length === 0) return undefined;
  const format = formatOf(request);
  const text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes);
  return { bytes, value: format === 'json' ? parseJson(text) : new YamlText(text) };
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
  try {
    return JSON.parse(text);
  } catch (error) {
    const problem = { ...placeOf((error as Error).message, text), message: (error as Error).message };
    throw new ProblemException({
      title: 'The body is no JSON',
      status: 400,
      detail: `line ${problem.line}, column ${problem.column}: ${problem.message}`,
      problems: [problem],
    });
  }
}

/** Node names a position in the text, and newer versions the line as well; a text that ends too early is wrong at its end. */
function placeOf(message: string, text: string): { readonly line: number; readonly column: number } {
  const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
  const before = text.slice(0, position).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
