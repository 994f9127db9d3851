import { z } from 'zod';
import { schemas, type DataOf, type TopicName } from '../events/topics.js';
import { messageAt } from '../message-at.js';
import { timestamp, TRACEPARENT } from '../names.js';

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
});
export type EventAttributes = z.infer<typeof eventAttributes>;

/** One event: CloudEvents attributes and the data of its topic. */
export type TeststripEvent<T extends TopicName = TopicName> = {
  [Name in T]: EventAttributes & { readonly type: Name; readonly data: DataOf<Name> };
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
  return { topic: event.type, key: event.subject, headers, value: Buffer.from(JSON.stringify(event.data)) };
}

/** Why bytes on a topic are no event of that topic. Retrying never helps. */
export class MalformedEventError extends Error {
  override readonly name = 'MalformedEventError';
}

/**
 * Reads an event back and checks attributes and data against the topic's schema.
 * @throws MalformedEventError saying which attribute or field is wrong and what was expected.
 */
export function decodeEvent(encoded: {
  readonly topic: string;
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>;
  readonly value: Buffer | null;
}): TeststripEvent {
  const schema = (schemas as Record<string, z.ZodType | undefined>)[encoded.topic];
  if (!schema)
    throw new MalformedEventError(
      `topic "${encoded.topic}" is unknown; expected one of ${Object.keys(schemas).join(', ')}`,
    );
  const attributes = eventAttributes.safeParse(attributesOf(encoded.headers));
  if (!attributes.success) throw new MalformedEventError(`CloudEvents attributes: ${describe(attributes.error)}`);
  if (attributes.data.type !== encoded.topic) {
    throw new MalformedEventError(`ce_type is "${attributes.data.type}", expected the topic's name "${encoded.topic}"`);
  }
  if (encoded.value === null) throw new MalformedEventError('the record has no value, expected JSON');
  const data = schema.safeParse(parseJson(encoded.value));
  if (!data.success) throw new MalformedEventError(`data: ${describe(data.error)}`);
  return { ...attributes.data, data: data.data } as TeststripEvent;
}

function attributesOf(headers: Readonly<Record<string, Buffer | string | undefined>>): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce_') && value !== undefined) attributes[name.slice(3)] = value.toString();
  }
  return attributes;
}

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString('utf8'));
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
