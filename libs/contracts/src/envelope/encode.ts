import { z } from 'zod';
import { schemas, type DataOf, type TopicName } from '../events/topics.js';
import { messageAt } from '../message-at.js';
import { timestamp, TRACEPARENT } from '../names.js';
import { OftenRead } from './often-read.js';
import { isMended, type MendKind, type NoteMend, parseToldJson, readData, timeIn } from './mend.js';

/**
 * CloudEvents 1.0 context attributes as this project uses them. `type` is the topic's name; `id` is the idempotency key; `source` is
 * what `eventSource` says, for our own applications.
 */
export const eventAttributes = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  time: timestamp,
  /** The partition key: the unit or the experiment. */
  subject: z.string().min(1),
  traceparent: z.string().regex(TRACEPARENT).optional(),
  /** W3C trace state, as the caller sent it. */
  tracestate: z.string().optional(),
});
export type EventAttributes = z.infer<typeof eventAttributes>;

/** One event: CloudEvents attributes and the data of its topic. */
export type TeststripEvent<T extends TopicName = TopicName> = {
  [Name in T]: EventAttributes & {
    readonly type: Name;
    readonly data: DataOf<Name>;
    /** What was mended when it was read; absent: it was as it should be. Not a part of what is sent. */
    readonly mended?: readonly MendKind[];
  };
}[T];

const CONTENT_TYPE = 'application/json';

/** Binary-mode form of an event (CloudEvents Kafka protocol binding 1.0.2 §3.2): attributes in `ce_*` headers, data as the value. */
export interface EncodedEvent {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer;
}

export function encodeEvent(event: TeststripEvent): EncodedEvent {
  const headers: Record<string, string> = {
    'content-type': CONTENT_TYPE,
    ce_specversion: event.specversion,
    ce_id: event.id,
    ce_source: event.source,
    ce_type: event.type,
    ce_time: event.time,
    ce_subject: event.subject,
  };
  if (event.traceparent !== undefined) headers['ce_traceparent'] = event.traceparent;
  if (event.tracestate !== undefined) headers['ce_tracestate'] = event.tracestate;
  return { topic: event.type, key: event.subject, headers, value: Buffer.from(JSON.stringify(event.data)) };
}

/** Why bytes on a topic are no event of that topic. Retrying never helps. */
export class MalformedEventError extends Error {
  override readonly name = 'MalformedEventError';
}

/** A record that may hold an event: what the carrier knows of it says what its attributes leave out. */
export interface ReceivedRecord {
  readonly topic: string;
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>;
  readonly value: Buffer | null;
  readonly key?: Buffer | string | null;
  /** When the carrier took it, ms since 1970. */
  readonly timestampMs?: number;
}

/**
 * Reads an event back and checks attributes and data against the topic's schema. Events of topics that other programs write are read for what
 * they mean; what was mended is in the event's `mended`.
 * @throws MalformedEventError saying which attribute or field is wrong and what was expected.
 */
export function decodeEvent(record: ReceivedRecord): TeststripEvent {
  const { topic, schema } = topicNamed(record.topic);
  const kinds: MendKind[] = [];
  const note: NoteMend = (kind) => kinds.push(kind);
  const value = record.value === null ? undefined : parseJson(record.value, isMended(topic) ? note : null);
  const { headers, raw } = isMended(topic) ? unwrapped(record.headers, value) : { headers: record.headers, raw: value };
  const attributes = attributesOf(record, headers, raw, note);
  if (!attributes.success) throw new MalformedEventError(`CloudEvents attributes: ${describe(attributes.error)}`);
  if (attributes.data.type !== topic) {
    throw new MalformedEventError(`ce_type is "${attributes.data.type}", expected the topic's name "${topic}"`);
  }
  if (raw === undefined) throw new MalformedEventError('the record has no value, expected JSON');
  const data = readData(topic, schema.now(), withTime(topic, raw, attributes.data.time), note);
  if (!data.success) throw new MalformedEventError(`data: ${describe(data.error)}`);
  // The type is our own text of it: who reads the event asks for it a dozen times, and texts of two places are compared letter by letter.
  const event = Object.assign(attributes.data, { type: topic, data: data.data });
  return (kinds.length === 0 ? event : { ...event, mended: kinds }) as TeststripEvent;
}

/** What events of a topic are read by. */
interface ReadTopic {
  readonly topic: TopicName;
  readonly schema: OftenRead;
}

const readTopics = new Map<string, ReadTopic>(
  (Object.keys(schemas) as TopicName[]).map((topic) => [topic, { topic, schema: new OftenRead(schemas[topic]) }]),
);

function topicNamed(name: string): ReadTopic {
  const known = readTopics.get(name);
  if (known !== undefined) return known;
  throw new MalformedEventError(`topic "${name}" is unknown; expected one of ${Object.keys(schemas).join(', ')}`);
}

/**
 * Attributes and data of an event in either of the content modes of CloudEvents: beside each other in headers and value, or both inside the value
 * (structured mode).
 */
function unwrapped(
  headers: ReceivedRecord['headers'],
  raw: unknown,
): { readonly headers: ReceivedRecord['headers']; readonly raw: unknown } {
  const fields = fieldsOfData(raw);
  if (typeof fields['specversion'] !== 'string' || fields['data'] === undefined) return { headers, raw };
  const { data, ...attributes } = fields;
  const named = Object.entries(attributes).flatMap(([name, value]) =>
    typeof value === 'string' ? [[`ce_${name}`, value] as const] : [],
  );
  return { headers: { ...Object.fromEntries(named), ...headers }, raw: data };
}

/** Feedback that does not say when it was given was given when its event says. */
function withTime(topic: string, raw: unknown, time: string): unknown {
  if (topic !== 'feedback.recorded.v1' || typeof raw !== 'object' || raw === null) return raw;
  const { givenAt } = raw as { readonly givenAt?: unknown };
  return givenAt === undefined || givenAt === null ? { ...raw, givenAt: time } : raw;
}

type SentAttributes = Record<string, string | undefined>;

const attributesSchema = new OftenRead(eventAttributes);

/** The attributes that were sent; those that CloudEvents calls optional follow from the record, and on topics of other programs all but the type. */
function attributesOf(
  record: ReceivedRecord,
  headers: ReceivedRecord['headers'],
  raw: unknown,
  note: NoteMend,
): z.ZodSafeParseResult<z.infer<typeof eventAttributes>> {
  const sent = sentIn(headers, note);
  const schema = attributesSchema.now();
  const read = schema.safeParse(sent);
  return read.success ? read : schema.safeParse(filledIn(sent, record, raw, note));
}

function sentIn(headers: ReceivedRecord['headers'], note: NoteMend): SentAttributes {
  const sent: SentAttributes = {
    specversion: headers['ce_specversion']?.toString(),
    id: headers['ce_id']?.toString(),
    source: headers['ce_source']?.toString(),
    type: headers['ce_type']?.toString(),
    time: headers['ce_time']?.toString(),
    subject: headers['ce_subject']?.toString(),
  };
  const traceparent = headers['ce_traceparent']?.toString();
  if (traceparent !== undefined && TRACEPARENT.test(traceparent)) sent['traceparent'] = traceparent;
  else if (traceparent !== undefined) note('traceparent-left-out');
  const tracestate = headers['ce_tracestate']?.toString();
  if (tracestate !== undefined) sent['tracestate'] = tracestate;
  return sent;
}

/** What is missing, as far as it follows from something else. */
function filledIn(sent: SentAttributes, record: ReceivedRecord, raw: unknown, note: NoteMend): SentAttributes {
  const fill = (name: string, kind: MendKind, value: string | undefined): void => {
    if ((sent[name] !== undefined && sent[name] !== '') || value === undefined) return;
    sent[name] = value;
    note(kind);
  };
  if (!timestamp.safeParse(sent['time']).success) {
    sent['time'] = timeIn(sent['time'] ?? null) ?? '';
    fill('time', 'no-time', new Date(record.timestampMs ?? 0).toISOString());
  }
  fill('subject', 'no-subject', subjectOf(record.key, raw));
  if (isMended(record.topic)) {
    fill('specversion', 'no-version', '1.0');
    fill('source', 'no-source', 'unknown');
    fill('id', 'no-id', idOf(record.topic, raw));
    sent['type'] ??= record.topic;
  }
  return sent;
}

/** Whose event it is: the record's key, which decided its partition, else the unit or the request that the data names. */
function subjectOf(key: ReceivedRecord['key'], raw: unknown): string | undefined {
  if (key !== undefined && key !== null && key.length > 0) return key.toString();
  const { assignment, requestId } = fieldsOfData(raw);
  return textOf(fieldsOfData(assignment)['unit']) ?? textOf(requestId);
}

/** The same event has the same id, however often it is sent. */
function idOf(topic: string, raw: unknown): string | undefined {
  const { requestId, generationId = requestId, imageIndex, kind } = fieldsOfData(raw);
  const parts = [generationId, imageIndex, kind].map(textOf).filter((part) => part !== undefined);
  return textOf(generationId) === undefined ? undefined : [topic, ...parts].join(':');
}

function fieldsOfData(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null ? (raw as Readonly<Record<string, unknown>>) : {};
}

function textOf(value: unknown): string | undefined {
  return (typeof value === 'string' && value !== '') || typeof value === 'number' ? String(value) : undefined;
}

/** @param note null: what is sent has to be JSON, to the letter. */
function parseJson(value: Buffer, note: NoteMend | null): unknown {
  const text = value.toString('utf8');
  try {
    return note === null ? JSON.parse(text) : parseToldJson(text, note);
  } catch (error) {
    throw new MalformedEventError(`value is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Longest list of problems, characters: a record may have thousands of them, and the list goes into headers and logs. */
const LONGEST_LIST = 2_000;

/** The first problems, as many as fit, and how many more there are. */
function describe({ issues }: z.ZodError): string {
  let list = '';
  for (const [index, { path, message }] of issues.entries()) {
    const problem = `${index === 0 ? '' : '; '}${messageAt(path, message)}`;
    if (list.length + problem.length > LONGEST_LIST && index > 0)
      return `${list} … (${issues.length - index} more problems)`;
    list += problem;
  }
  return list;
}
