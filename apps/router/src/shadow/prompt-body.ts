import type { IncomingHttpHeaders } from 'node:http';
import { parsedJson } from '#libs/contracts';
import { sha256Of } from '#libs/telemetry';
import { jsonMembers, type Fields } from '../proxy/json-fields.js';
import { headerOf } from '../proxy/request-headers.js';
import { placeOf, withNumber } from './json-edit.js';

/** What a request asks for, as far as a pair needs it. */
export interface PromptBody {
  /** A short name of it, see `PairMark`. */
  readonly prompt: string;
  /** What both sides are sent: with a seed, where the request left it to the service in so many words. */
  readonly body: Buffer;
}

/** For requests that leave it to the service. */
export interface DrawnSeed {
  /** From 0 to 2^31 − 1, which every API takes. */
  readonly value: number;
  /** Where requests without one get it, dotted; undefined: nowhere, since services may take a fixed one then. */
  readonly at: string | undefined;
}

/** Why there is no pair in it. `side-effects`: sent twice it would do something twice, for somebody else. */
export type NoPair = 'no-prompt' | 'side-effects';

/** Objects in which image APIs look for the prompt, by dotted path; the body itself first. */
const PROMPT_PLACES = ['', 'input'];
/** Fields beside the prompt that make another picture of it. */
const BESIDE_PROMPT = [
  'model',
  'negative_prompt',
  'size',
  'width',
  'height',
  'image_size',
  'aspect_ratio',
  'image',
  'images',
  'init_images',
  'mask',
  'mask_image',
];
/** Who is told of the picture, or where it is put: said anywhere in the body, in the query or by a header. */
const CALLS_BACK = /web_?hook|call_?back|notify_?(hook|url)|upload_?url|presigned/i;
/** With one of them the body may not be changed. */
const SEALS = [
  'content-digest',
  'repr-digest',
  'digest',
  'content-md5',
  'signature',
  'x-amz-content-sha256',
  'x-signature',
  'x-hub-signature-256',
];
const DIGEST_LENGTH = 16;
const NEGATIVE = /^-\d+$/;

/**
 * Reads the body of a request for its prompt.
 * @param seed the one for both sides where the request leaves it to the service
 */
export function readPromptBody(
  { headers, url }: { readonly headers: IncomingHttpHeaders; readonly url?: string | undefined },
  body: Buffer,
  seed: DrawnSeed,
): PromptBody | NoPair {
  const read = objectIn(headers, body);
  if (read === null) return 'no-prompt';
  const asked = askedFor(read.fields);
  if (asked === null) return 'no-prompt';
  const isJob = /\brespond-async\b/i.test(headerOf(headers, 'prefer') ?? '');
  const isTold = CALLS_BACK.test(url?.split('?', 2)[1] ?? '') || namesOf(headers).some((name) => CALLS_BACK.test(name));
  if (isJob || isTold || callsBack(read.fields)) return 'side-effects';
  const prompt = digestOf(asked.facts);
  if (prompt === null) return 'no-prompt';
  const isSealed = SEALS.some((name) => headers[name] !== undefined);
  const seeded = isSealed ? null : withDrawnSeed(read.text, asked.seedAt, seed);
  return { prompt, body: seeded === null ? body : Buffer.from(seeded) };
}

function namesOf(headers: IncomingHttpHeaders): readonly string[] {
  return Object.keys(headers).map((name) => name.replaceAll('-', '_'));
}

/** Null where it is nested so deep that it can't be written. */
function digestOf(facts: unknown): string | null {
  try {
    return sha256Of(JSON.stringify(facts)).slice(0, DIGEST_LENGTH);
  } catch {
    return null;
  }
}

/** Null: not JSON, compressed, or no object. */
function objectIn(
  headers: IncomingHttpHeaders,
  body: Buffer,
): { readonly text: string; readonly fields: Fields } | null {
  const encoding = headerOf(headers, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity' || !/^application\/([\w.-]+\+)?json\b/i.test(headerOf(headers, 'content-type') ?? '')) {
    return null;
  }
  const text = body.toString();
  const fields = jsonMembers(parsedJson(text));
  return fields && { text, fields };
}

interface Asked {
  readonly facts: unknown;
  /** Dotted paths at which the API may have a seed. */
  readonly seedAt: readonly string[];
}

function askedFor(body: Fields): Asked | null {
  for (const place of PROMPT_PLACES) {
    const fields = place === '' ? body : jsonMembers(body[place]);
    const prompt = fields?.['prompt'];
    if (!fields || typeof prompt !== 'string' || prompt.trim() === '') continue;
    return { facts: [normalised(prompt), besideOf(fields)], seedAt: [place === '' ? 'seed' : `${place}.seed`] };
  }
  const inputs = body['inputs'];
  if (typeof inputs === 'string' && inputs.trim() !== '') {
    return {
      facts: [normalised(inputs), besideOf(jsonMembers(body['parameters']) ?? {})],
      seedAt: ['parameters.seed'],
    };
  }
  return textPromptsOf(body) ?? instanceOf(body);
}

/** Several texts with weights. */
function textPromptsOf(body: Fields): Asked | null {
  const prompts = body['text_prompts'];
  if (!Array.isArray(prompts) || !prompts.some((one) => typeof jsonMembers(one)?.['text'] === 'string')) return null;
  return { facts: [prompts, besideOf(body)], seedAt: ['seed'] };
}

/** One instance with parameters beside it; several are several pictures. */
function instanceOf({ instances, parameters }: Fields): Asked | null {
  const [only, ...others] = Array.isArray(instances) ? (instances as readonly unknown[]) : [];
  const prompt = jsonMembers(only)?.['prompt'];
  if (typeof prompt !== 'string' || others.length > 0) return null;
  const beside = { ...besideOf(jsonMembers(only) as Fields), ...besideOf(jsonMembers(parameters) ?? {}) };
  return { facts: [normalised(prompt), beside], seedAt: ['parameters.seed'] };
}

function besideOf(fields: Fields): Fields {
  return Object.fromEntries(BESIDE_PROMPT.flatMap((name) => (fields[name] == null ? [] : [[name, fields[name]]])));
}

/** Prompts that read the same are the same. */
function normalised(prompt: string): string {
  return prompt.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

function callsBack(body: Fields): boolean {
  const unread: object[] = [body];
  for (let fields = unread.pop(); fields !== undefined; fields = unread.pop()) {
    for (const [name, value] of Object.entries(fields) as (readonly [string, unknown])[]) {
      if (value == null) continue;
      if (CALLS_BACK.test(name)) return true;
      if (typeof value === 'object') unread.push(value);
    }
  }
  return false;
}

/** A negative seed asks the service to draw one, with every API that takes it. A missing one may mean a fixed one: that is left alone unless it is known not to. */
function withDrawnSeed(text: string, seedAt: readonly string[], { value, at }: DrawnSeed): string | null {
  if (at !== undefined) {
    const said = saidAt(text, at);
    return said === null || said === 'null' || NEGATIVE.test(said) ? withNumber(text, at, value) : null;
  }
  const asked = seedAt.find((path) => NEGATIVE.test(saidAt(text, path) ?? ''));
  return asked === undefined ? null : withNumber(text, asked, value);
}

function saidAt(text: string, path: string): string | null {
  const place = placeOf(text, path);
  return place && text.slice(place.from, place.to);
}
