import type { TopicName } from '../events/topics.js';
import { unstorableIn } from '../storable.js';
import { messageAt } from '../message-at.js';
import { decodeEvent, MalformedEventError, type TeststripEvent } from './encode.js';
import { parseToldJson } from './mend.js';

/** Characters: a longer one can be no key of an index. */
export const LONGEST_EVENT_ID = 512;

/**
 * Reads an event in the structured mode of CloudEvents 1.0 (JSON format §3): attributes and data in one JSON object. What breaks its topic's schema is read for
 * what it means, see `decodeEvent`.
 * @param taken the topics that it may be of
 * @throws MalformedEventError saying what is wrong and what was expected.
 */
export function decodeStructuredEvent(text: string, taken: readonly TopicName[]): TeststripEvent {
  const { specversion, type, id, data } = fieldsIn(text);
  if (specversion !== '1.0')
    throw new MalformedEventError(`specversion is ${inWords(specversion)}, expected the text "1.0"`);
  if (!(taken as readonly unknown[]).includes(type))
    throw new MalformedEventError(`type is ${inWords(type)}, expected one of ${taken.join(', ')}`);
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_EVENT_ID)
    throw new MalformedEventError(`id is ${inWords(id)}, expected a text of 1 to ${LONGEST_EVENT_ID} characters`);
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new MalformedEventError(`data is ${inWords(data)}, expected a JSON object`);
  const event = decodeEvent({ topic: type as TopicName, headers: {}, value: Buffer.from(text) });
  const unstorable = unstorableIn(event);
  if (unstorable) throw new MalformedEventError(messageAt(unstorable.path, unstorable.message));
  return event;
}

function fieldsIn(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseToldJson(text, () => undefined);
  } catch (error) {
    throw new MalformedEventError(`no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new MalformedEventError(`the event is ${inWords(value)}, expected a JSON object`);
}

/** Longest value that is quoted, characters. */
const LONGEST_QUOTE = 60;

function inWords(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}… (${text.length} characters)`;
}
