import { z } from 'zod';
import { encodeEmbedding } from '../envelope/embedding.js';
import { assignment, decodeAssignment } from '../envelope/assignment.js';
import { LONGEST_INSTANCE } from '../envelope/instance.js';
import { OUTCOMES, presentOutcome } from '../events/outcome.js';
import type { TopicName } from '../events/topics.js';

/**
 * What was read for what it means instead of being refused: each is counted, and shown to the operator.
 *
 * - `assignment-left-out`: no assignment of ours, so the event belongs to no experiment.
 * - `digest-spelling`, `format-spelling`, `name-spelling`: `SHA256:AB…`, `image/jpeg`, `THUMB_UP`; also of a field, `request_id`.
 * - `left-out`: a value that can be nothing of what its field holds; the field has no data then.
 * - `long-integer`: a whole number beyond 2^53, such as a 64-bit seed; its digits are kept.
 * - `negative-duration`: two clocks that disagree by a little; 0.
 * - `no-id`, `no-source`, `no-subject`, `no-time`, `no-version`: attributes of CloudEvents that were not sent.
 * - `not-a-number`: NaN or Infinity, as Python's `json.dumps` writes them; no data.
 * - `number-as-text`: "0.4".
 * - `percent`: 87 where a share was meant.
 * - `random-seed`: −1, with which a service is told to draw one itself; not known.
 * - `traceparent-left-out`: no trace context of W3C's form.
 */
export const mendKinds = [
  'assignment-left-out',
  'digest-spelling',
  'format-spelling',
  'left-out',
  'long-integer',
  'name-spelling',
  'negative-duration',
  'no-id',
  'no-source',
  'no-subject',
  'no-time',
  'no-version',
  'not-a-number',
  'number-as-text',
  'percent',
  'random-seed',
  'traceparent-left-out',
] as const;
export type MendKind = (typeof mendKinds)[number];

/** Hears what was mended. */
export type NoteMend = (kind: MendKind) => void;

type Fields = Record<string, unknown>;

/** Topics that other people's programs write: what they say is read for what it means. Our own are held to their schema. */
const MENDERS: { readonly [T in TopicName]?: (fields: Fields, note: NoteMend) => Fields } = {
  'generation.completed.v1': mendGeneration,
  'image.scored.v1': mendScore,
  'feedback.recorded.v1': mendFeedback,
};

/** Whether a topic is written by programs that are not ours. */
export function isMended(topic: string): boolean {
  return Object.hasOwn(MENDERS, topic);
}

/**
 * Checks `raw` against the schema of its topic and, where it breaks it, reads it again for what it means. What can't be read at all costs its field,
 * never the event: only what identifies the request has to be there.
 * @returns the schema's own refusal of `raw` where that is missing.
 */
export function readData<Schema extends z.ZodType>(
  topic: string,
  schema: Schema,
  raw: unknown,
  note: NoteMend,
): z.ZodSafeParseResult<z.output<Schema>> {
  const strict = schema.safeParse(raw);
  const mend = MENDERS[topic as TopicName];
  if (strict.success || mend === undefined || !isFields(raw)) return strict;
  const kinds: MendKind[] = [];
  const fields = mend(
    inOurSpelling(raw, propertiesOf(schema), () => kinds.push('name-spelling')),
    (kind) => kinds.push(kind),
  );
  let read = schema.safeParse(fields);
  const emptied = new Set<string>();
  while (!read.success) {
    const isEmptied = read.error.issues.map(({ path }) => emptyAt(fields, path, emptied));
    if (!isEmptied.includes(true)) return strict;
    kinds.push('left-out');
    read = schema.safeParse(fields);
  }
  for (const kind of kinds) note(kind);
  return read;
}

/** Takes the value away, or what holds it where it has been taken away before. @returns whether something was left to be taken. */
function emptyAt(fields: Fields, path: readonly PropertyKey[], emptied: Set<string>): boolean {
  for (let length = path.length; length > 0; length--) {
    const place = path.slice(0, length).join('/');
    if (emptied.has(place)) continue;
    emptied.add(place);
    let holder: Fields = fields;
    for (const step of path.slice(0, length - 1)) holder = holder[step as string] as Fields;
    const last = path[length - 1] as string;
    // What is not there has the value its schema gives it; inside an object that is null.
    if (length === 1) delete holder[last];
    else holder[last] = null;
    return true;
  }
  return false;
}

function mendGeneration(fields: Fields, note: NoteMend): Fields {
  const told = withNames(fields, note);
  const images = imagesIn(told['images'], note);
  return present({
    ...told,
    assignment: assignmentIn(told['assignment'], note),
    fingerprint: textIn(told['fingerprint']),
    config: isFields(told['config']) ? told['config'] : undefined,
    instance: textIn(told['instance'])?.slice(0, LONGEST_INSTANCE),
    prompt: textIn(told['prompt']),
    seed: seedIn(told['seed'], note),
    outcome: outcomeIn(told, images, note),
    error: textIn(told['error']),
    timings: numbersIn(told['timings'], (value) => durationIn(value, note)),
    gpu: gpuIn(told['gpu'], note),
    cost: notNegative(numberIn(told['cost'], note), note),
    images,
    shadow: truthIn(told['shadow'], note),
  });
}

function mendScore(fields: Fields, note: NoteMend): Fields {
  const told = withNames(fields, note);
  const alignment = shareIn(told['alignment'], note);
  const image = isFields(told['image']) ? told['image'] : {};
  const identity = isFields(told['identity']) ? told['identity'] : {};
  const quality = isFields(told['quality']) ? told['quality'] : {};
  return present({
    ...told,
    assignment: assignmentIn(told['assignment'], note),
    imageIndex: numberIn(told['imageIndex'], note) ?? 0,
    image: { ...image, sha256: digestIn(image['sha256'], note) },
    outcome: told['outcome'] ?? (alignment === null && Object.keys(quality).length === 0 ? 'unavailable' : 'scored'),
    reason: textIn(told['reason']),
    alignment: alignment === null ? null : Math.min(1, Math.max(-1, alignment)),
    quality: withoutNulls(numbersIn(quality, (value) => numberIn(value, note)) ?? {}),
    blank: truthIn(told['blank'], note),
    embedding: embeddingIn(told['embedding']),
    promptTruncated: truthIn(told['promptTruncated'], note),
    identity: present({ ...identity, digest: digestIn(identity['digest'], note) ?? undefined }),
  });
}

function mendFeedback(fields: Fields, note: NoteMend): Fields {
  const told = withNames(fields, note);
  return present({
    ...told,
    assignment: assignmentIn(told['assignment'], note),
    kind: deedIn(told['kind'], note),
    rating: numberIn(told['rating'], note),
    givenAt: timeIn(told['givenAt']) ?? undefined,
  });
}

/** What other programs call what people do. */
const OTHER_DEEDS: Readonly<Record<string, string>> = {
  'thumbs-up': 'thumb-up',
  thumbsup: 'thumb-up',
  like: 'thumb-up',
  liked: 'thumb-up',
  upvote: 'thumb-up',
  '👍': 'thumb-up',
  'thumbs-down': 'thumb-down',
  thumbsdown: 'thumb-down',
  dislike: 'thumb-down',
  disliked: 'thumb-down',
  downvote: 'thumb-down',
  '👎': 'thumb-down',
  stars: 'rating',
  rated: 'rating',
  downloaded: 'download',
  saved: 'download',
  save: 'download',
  shared: 'share',
  regenerated: 'regenerate',
  retry: 'regenerate',
  reroll: 'regenerate',
};

function deedIn(value: unknown, note: NoteMend): string | undefined {
  const name = OTHER_DEEDS[String(value)] ?? nameIn(value, () => undefined);
  const deed = OTHER_DEEDS[name ?? ''] ?? name;
  if (deed !== value) note('name-spelling');
  return deed;
}

/** What a schema's object holds, by field: its own fields where those are known too, else null. */
interface Properties extends ReadonlyMap<string, Properties | null> {}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly anyOf?: readonly SchemaNode[];
}

const knownProperties = new WeakMap<z.ZodType, Properties>();

function propertiesOf(schema: z.ZodType): Properties {
  const known = knownProperties.get(schema) ?? propertiesIn(z.toJSONSchema(schema, { io: 'output' }) as SchemaNode);
  knownProperties.set(schema, known ?? new Map());
  return known ?? new Map();
}

function propertiesIn(node: SchemaNode): Properties | null {
  const { properties } = node.anyOf?.find((branch) => branch.properties !== undefined) ?? node;
  if (properties === undefined) return null;
  return new Map(Object.entries(properties).map(([name, inner]) => [name, propertiesIn(inner)]));
}

/** Fields by the names that the schema knows: `request_id` and `RequestID` are `requestId`. What has its own name already stays. */
function inOurSpelling(fields: Fields, properties: Properties, note: () => void): Fields {
  const ours = new Map([...properties.keys()].map((name) => [lettersOf(name), name]));
  const spelled: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    const our = properties.has(name) ? name : ours.get(lettersOf(name));
    const isTaken = our === undefined || (our !== name && Object.hasOwn(fields, our));
    if (!isTaken && our !== name) note();
    const inner = isTaken ? null : (properties.get(our) ?? null);
    spelled[isTaken ? name : our] = inner !== null && isFields(value) ? inOurSpelling(value, inner, note) : value;
  }
  return spelled;
}

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Ids of requests and generations may be numbers elsewhere; a service that makes one generation of a request needs no id for it. */
function withNames(fields: Fields, note: NoteMend): Fields {
  const requestId = textIn(fields['requestId']);
  const service = nameIn(fields['service'], note) || 'unknown';
  return { ...fields, requestId, generationId: textIn(fields['generationId']) ?? requestId, service };
}

/** As an object, or as the header it came in. */
function assignmentIn(value: unknown, note: NoteMend): unknown {
  if (value === null || value === undefined || value === '') return null;
  try {
    return isFields(value) ? assignment.parse(value) : decodeAssignment(String(value as string));
  } catch {
    note('assignment-left-out');
    return null;
  }
}

function seedIn(value: unknown, note: NoteMend): unknown {
  if (value === -1 || value === '-1') {
    note('random-seed');
    return null;
  }
  if (typeof value !== 'string') return value;
  const digits = value.trim();
  return /^\d{1,15}$/.test(digits) ? Number(digits) : digits === '' ? null : digits;
}

const OTHER_OUTCOMES: Readonly<Record<string, string>> = {
  success: 'delivered',
  ok: 'delivered',
  done: 'delivered',
  completed: 'delivered',
  error: 'server-error',
  failure: 'server-error',
  timeout: 'timed-out',
  canceled: 'cancelled',
};

/** What is not said, or not known here, follows from what there is. */
function outcomeIn(told: Fields, images: readonly unknown[], note: NoteMend): unknown {
  const name = nameIn(told['outcome'], note) ?? '';
  const outcome = OTHER_OUTCOMES[name] ?? presentOutcome(name);
  if ((OUTCOMES as readonly string[]).includes(outcome)) {
    if (OTHER_OUTCOMES[name] !== undefined) note('name-spelling');
    return outcome;
  }
  if (told['outcome'] !== undefined && told['outcome'] !== null) note('left-out');
  return images.length > 0 && !told['error'] ? 'delivered' : 'server-error';
}

function gpuIn(value: unknown, note: NoteMend): Fields | undefined {
  if (!isFields(value)) return undefined;
  return {
    ...value,
    seconds: durationIn(value['seconds'], note),
    utilisation: shareIn(value['utilisation'] ?? value['utilization'], note),
    memoryMiB: notNegative(numberIn(value['memoryMiB'], note), note),
  };
}

const FORMATS: Readonly<Record<string, string>> = { jpg: 'jpeg', jpe: 'jpeg', jfif: 'jpeg' };

function imagesIn(value: unknown, note: NoteMend): readonly unknown[] {
  if (value === null || value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry) => {
    if (typeof entry === 'string') return { uri: entry };
    if (!isFields(entry)) return entry;
    const { flagged, ...image } = entry;
    const checked = flagged === null || flagged === undefined ? {} : { flagged: truthIn(flagged, note) };
    const size = numbersIn({ width: image['width'], height: image['height'], bytes: image['bytes'] }, (part) =>
      numberIn(part, note),
    );
    return {
      ...image,
      ...size,
      ...checked,
      format: formatIn(image['format'], note),
      sha256: digestIn(image['sha256'], note),
    };
  });
}

/** `JPEG` (PIL), `image/jpeg` (HTTP), `.jpg` (a file's name). */
function formatIn(value: unknown, note: NoteMend): unknown {
  if (typeof value !== 'string') return null;
  const name = value
    .trim()
    .toLowerCase()
    .replace(/^image\//, '')
    .replace(/^\./, '');
  const format = FORMATS[name] ?? name;
  if (format !== value) note('format-spelling');
  return format;
}

/** Hexadecimal digits in either case, with or without the name of the hash. */
function digestIn(value: unknown, note: NoteMend): unknown {
  if (typeof value !== 'string') return null;
  const digest = value
    .trim()
    .toLowerCase()
    .replace(/^sha-?256[:=-]/, '');
  if (digest !== value) note('digest-spelling');
  return digest === '' ? null : digest;
}

function embeddingIn(value: unknown): unknown {
  if (!Array.isArray(value)) return value ?? null;
  return value.every((part) => typeof part === 'number' && Number.isFinite(part)) ? encodeEmbedding(value) : null;
}

/** `Text_To_Image` is `text-to-image`. */
function nameIn(value: unknown, note: NoteMend): string | undefined {
  if (typeof value !== 'string') return undefined;
  const name = value
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 63);
  if (name !== value) note('name-spelling');
  return name;
}

const END_OF_YEAR_9999_MS = 253_402_300_800_000;

/** A time in ISO 8601 or as seconds or milliseconds since 1970; null: none. */
export function timeIn(value: unknown): string | null {
  const number = typeof value === 'number' ? value : /^\d{9,14}(?:\.\d+)?$/.test(String(value)) ? Number(value) : null;
  // Seconds until the year 5138, milliseconds since 1973.
  const atMs = number === null ? Date.parse(inUtc(String(value))) : number < 1e11 ? number * 1_000 : number;
  return Number.isFinite(atMs) && atMs >= 0 && atMs < END_OF_YEAR_9999_MS ? new Date(atMs).toISOString() : null;
}

/** A time without an offset is one of UTC, whatever the time zone of who reads it. */
function inUtc(text: string): string {
  const time = text.trim().replace(' ', 'T');
  return /T\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?$/.test(time) ? `${time.replace(',', '.')}Z` : time;
}

function numbersIn(value: unknown, read: (part: unknown) => number | null): Fields | undefined {
  if (!isFields(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, read(part)]));
}

function numberIn(value: unknown, note: NoteMend): number | null {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    note('not-a-number');
    return null;
  }
  if (typeof value !== 'string') return null;
  const number = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?\s*%?$/i.test(value.trim())
    ? Number.parseFloat(value)
    : Number.NaN;
  note(
    Number.isFinite(number)
      ? 'number-as-text'
      : /^[-+]?(?:nan|inf(?:inity)?)$/i.test(value.trim())
        ? 'not-a-number'
        : 'left-out',
  );
  return Number.isFinite(number) ? number : null;
}

/** How far two clocks of one machine may disagree, in the unit of the duration. */
const MOST_JITTER = 1_000;

function durationIn(value: unknown, note: NoteMend): number | null {
  const number = numberIn(value, note);
  if (number === null || number >= 0) return number;
  note(number > -MOST_JITTER ? 'negative-duration' : 'left-out');
  return number > -MOST_JITTER ? 0 : null;
}

function notNegative(value: number | null, note: NoteMend): number | null {
  if (value === null || value >= 0) return value;
  note('left-out');
  return null;
}

/** What rounding may add to a share. */
const ROUNDING = 1.001;

/** Shares are at most 1; NVML and many a scorer say per cent. */
function shareIn(value: unknown, note: NoteMend): number | null {
  const number = numberIn(value, note);
  if (number === null) return null;
  const isPercent = Math.abs(number) > ROUNDING || (typeof value === 'string' && value.includes('%'));
  if (!isPercent) return Math.min(1, number);
  note('percent');
  return Math.abs(number) <= 100 * ROUNDING ? Math.min(1, number / 100) : null;
}

function truthIn(value: unknown, note: NoteMend): boolean {
  if (typeof value === 'boolean' || value === null || value === undefined) return value === true;
  note('name-spelling');
  return value === 1 || /^(?:true|yes|1)$/i.test(String(value as string));
}

/** Null where nothing was said. What else than a text stands there is kept as JSON. */
function textIn(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null;
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** Without what is not there, so that the schema's defaults hold. */
function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Strings, the words that are no JSON, and numbers: each is found as a whole, so nothing inside a string is touched. One without an end goes to the end of the text. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?Infinity|NaN|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/** Where there may be a whole number of so many digits: not in a fraction, which most measured values have, and not at the beginning of a text, as digests begin. */
const LONG_WHOLE = /(?:^|[:,[\s])-?\d{16}/;

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * JSON as other languages write it: NaN and Infinity are null, a whole number that a double can't hold becomes the text of its digits, and a byte
 * order mark before it is none of it.
 * @throws SyntaxError where it is no JSON even so.
 */
export function parseToldJson(sent: string, note: NoteMend): unknown {
  const text = sent.startsWith(BYTE_ORDER_MARK) ? sent.slice(1) : sent;
  const exact = LONG_WHOLE.test(text) ? text.replace(TOKENS, (token) => exactToken(token, note)) : text;
  try {
    return JSON.parse(exact);
  } catch (error) {
    const kinds: MendKind[] = [];
    const mended = exact.replace(TOKENS, (token) => {
      if (!/^-?Infinity$|^NaN$/.test(token)) return token;
      kinds.push('not-a-number');
      return 'null';
    });
    if (kinds.length === 0) throw error;
    const parsed: unknown = JSON.parse(mended);
    for (const kind of kinds) note(kind);
    return parsed;
  }
}

function exactToken(token: string, note: NoteMend): string {
  if (!/^-?\d+$/.test(token) || Number.isSafeInteger(Number(token))) return token;
  note('long-integer');
  return `"${token}"`;
}
