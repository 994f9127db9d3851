import { deadLetterTopic, isSignedTopic, topics } from '#libs/contracts';
import { UnknownTopicError, type EventBus, type IncomingRecord, type OutgoingRecord } from '../event-bus.js';
import { deadLetterHeaders, REDRIVEN_FOR } from './dead-letters.js';

/** A message that a group has given up. */
export interface DeadLetter {
  /** Names it: `<topic>:<number>`. */
  readonly id: string;
  readonly topic: string;
  /** Who gave it up. */
  readonly group: string;
  readonly reason: string;
  /** When, ISO 8601. */
  readonly buriedAt: string;
  /** Where it stood in its topic. */
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  /** Those of the message alone. */
  readonly headers: Readonly<Record<string, Buffer>>;
  /** Null where it had none, or where the bus has refused the letter with it: then `valueBytes` says how long it was. */
  readonly value: Buffer | null;
  readonly valueBytes: number | undefined;
  /** When it was published again, ISO 8601; undefined: it was not. */
  readonly redrivenAt: string | undefined;
}

/** On a note behind a letter: the number of the letter that was published again. */
const REDRIVEN_LETTER = 'dead-redriven-letter';
const OF_LETTERS: ReadonlySet<string> = new Set([...Object.values(deadLetterHeaders), REDRIVEN_FOR]);

/**
 * The dead letters of some topics, the oldest of each topic first. All of a topic's letters are read: O(letters).
 * @throws UnknownTopicError where no topic of them is there
 */
export async function readDeadLetters(
  bus: Pick<EventBus, 'readAll'>,
  of: readonly string[] = Object.values(topics).map(({ name }) => name),
): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  let missing: UnknownTopicError | undefined;
  let found = 0;
  for (const topic of of) {
    try {
      letters.push(...lettersIn(topic, await bus.readAll(deadLetterTopic(topic))));
      found += 1;
    } catch (error) {
      if (!(error instanceof UnknownTopicError)) throw error;
      missing = error;
    }
  }
  if (found === 0 && missing) throw missing;
  return letters;
}

/** Why a letter can't be published again; undefined: it can. */
export function whyNotRedriven({ topic, value, valueBytes }: DeadLetter): string | undefined {
  if (isSignedTopic(topic))
    return `${topic} is said by the decision service alone, which says again what is in force by itself`;
  if (value === null && valueBytes !== undefined)
    return `its ${valueBytes} bytes were too many for the bus together with the reason: its sender has to send it again`;
  return undefined;
}

/**
 * Publishes letters again where they came from, each for the group that has given it up: others pass it over. Each is noted, so that it is not done twice
 * by mistake; where the process ends in between it is, and consumers absorb the repeat.
 * @throws what the bus fails with
 */
export async function redriveDeadLetters(
  bus: Pick<EventBus, 'publish'>,
  letters: readonly DeadLetter[],
  nowMs: number,
): Promise<void> {
  for (const letter of letters) await bus.publish([again(letter), noteOf(letter, nowMs)]);
}

function lettersIn(topic: string, records: readonly IncomingRecord[]): readonly DeadLetter[] {
  const redriven = new Map<string, string>();
  for (const { headers } of records) {
    const letter = headers[REDRIVEN_LETTER]?.toString();
    if (letter !== undefined) redriven.set(letter, textOf(headers[deadLetterHeaders.time]));
  }
  return records
    .filter(({ headers }) => headers[REDRIVEN_LETTER] === undefined)
    .map((record) => letterOf(topic, record, redriven.get(numberOf(record))));
}

function letterOf(topic: string, record: IncomingRecord, redrivenAt: string | undefined): DeadLetter {
  const { headers, key, value } = record;
  const bytes = headers[deadLetterHeaders.valueBytes];
  return {
    id: `${topic}:${numberOf(record)}`,
    topic,
    group: textOf(headers[deadLetterHeaders.group]),
    reason: textOf(headers[deadLetterHeaders.reason]),
    buriedAt: textOf(headers[deadLetterHeaders.time]),
    partition: Number(headers[deadLetterHeaders.partition]),
    offset: Number(headers[deadLetterHeaders.offset]),
    key,
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, text]) =>
        text === undefined || OF_LETTERS.has(name) ? [] : [[name, text] as const],
      ),
    ),
    value,
    valueBytes: bytes === undefined ? undefined : Number(bytes),
    redrivenAt,
  };
}

/** Topics of dead letters have one partition, unless somebody has made them otherwise. */
function numberOf({ partition, offset }: IncomingRecord): string {
  return partition === 0 ? String(offset) : `${offset}.${partition}`;
}

function again({ topic, key, value, headers, group }: DeadLetter): OutgoingRecord {
  return { topic, key, value, headers: { ...headers, [REDRIVEN_FOR]: group } };
}

function noteOf({ id, topic }: DeadLetter, nowMs: number): OutgoingRecord {
  const headers = {
    [REDRIVEN_LETTER]: id.slice(topic.length + 1),
    [deadLetterHeaders.time]: new Date(nowMs).toISOString(),
  };
  return { topic: deadLetterTopic(topic), key: null, value: null, headers };
}

function textOf(header: Buffer | undefined): string {
  return header?.toString() ?? '';
}
