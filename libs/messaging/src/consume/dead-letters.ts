import { Logger } from '@nestjs/common';
import { deadLetterTopic } from '#libs/contracts';
import { RecordRefusedError, type EventBus, type IncomingRecord, type OutgoingRecord } from '../event-bus.js';

/** Headers that a dead letter carries in addition to those of the message. */
export const deadLetterHeaders = {
  reason: 'dead-reason',
  topic: 'dead-topic',
  partition: 'dead-partition',
  offset: 'dead-offset',
  group: 'dead-group',
  time: 'dead-time',
  /** Bytes of the value, where the bus refused it together with these headers: then the letter has none. */
  valueBytes: 'dead-value-bytes',
} as const;

/** Header of a message that was dead and is published again: the group that has given it up. Others have handled it, and pass it over. */
export const REDRIVEN_FOR = 'redriven-for';

/** Thrown by a handler for an event that it can never process: the event goes to the dead letters and the partition moves on. */
export class UnprocessableEventError extends Error {
  override readonly name = 'UnprocessableEventError';
}

export interface DeadRecord {
  readonly record: IncomingRecord;
  readonly reason: string;
}

export interface DeadLettersOptions {
  readonly bus: Pick<EventBus, 'publish'>;
  /** Who gives the records up. */
  readonly group: string;
  readonly nowMs?: (() => number) | undefined;
  readonly log?: { warn(message: string): void } | undefined;
  /**
   * Reads the dead letters themselves, for readers that begin at the start of a log again and again: what their group has buried in an
   * earlier life is not buried twice. Asked only when there is something to bury.
   */
  readonly readAll?: EventBus['readAll'] | undefined;
}

/** The dead letters of one group: a record goes there once, however often its batch is repeated, and is said once. */
export class DeadLetters {
  /** Offsets by topic and partition that were buried since the partition was assigned. */
  private readonly buried = new Map<string, Set<number>>();

  constructor(private readonly options: DeadLettersOptions) {}

  /** @throws what the bus fails with; then none of them counts as buried, and the batch has to be repeated. */
  async bury(dead: readonly DeadRecord[]): Promise<void> {
    if (dead.every(({ record }) => this.isBuried(record))) return;
    await this.recall(new Set(dead.map(({ record }) => record.topic)));
    const fresh = dead
      .filter(({ record }) => !this.isBuried(record))
      .map(({ record, reason }) => ({ record, reason: shortened(reason) }));
    if (fresh.length === 0) return;
    const { group, nowMs = Date.now, log = logger } = this.options;
    await this.publish(fresh.map(({ record, reason }) => deadLetter(record, { reason, group, nowMs: nowMs() })));
    for (const { record, reason } of fresh) {
      const { topic, partition, offset } = record;
      this.remember(topic, partition, offset);
      log.warn(`${group}: ${topic}/${partition} at offset ${offset} goes to ${deadLetterTopic(topic)}: ${reason}`);
    }
  }

  /** A letter is larger than its message. One that the bus refuses goes without the value, which is in the log until that is too old. */
  private async publish(letters: readonly OutgoingRecord[]): Promise<void> {
    const { bus } = this.options;
    try {
      await bus.publish(letters);
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw error;
      if (letters.length > 1) for (const letter of letters) await this.publish([letter]);
      else if (letters[0]?.value) await this.publish(letters.map(withoutValue));
      else throw error;
    }
  }

  /** False for what was published again for another group. */
  isForUs({ headers }: IncomingRecord): boolean {
    const group = headers[REDRIVEN_FOR];
    return group === undefined || group.toString() === this.options.group;
  }

  /** What is at or behind `offset` can't come again: its batch is handled. */
  forgetBefore(topic: string, partition: number, offset: number): void {
    const offsets = this.buried.get(`${topic}/${partition}`);
    if (!offsets) return;
    for (const buried of offsets) if (buried < offset) offsets.delete(buried);
  }

  private isBuried({ topic, partition, offset }: IncomingRecord): boolean {
    return this.buried.get(`${topic}/${partition}`)?.has(offset) === true;
  }

  /** Remembers what the group buried before. */
  private async recall(topics: ReadonlySet<string>): Promise<void> {
    const { readAll, group } = this.options;
    if (!readAll) return;
    for (const topic of topics) {
      for (const { headers } of await readAll(deadLetterTopic(topic))) {
        if (headers[deadLetterHeaders.group]?.toString() !== group) continue;
        const [partition, offset] = [headers[deadLetterHeaders.partition], headers[deadLetterHeaders.offset]];
        this.remember(topic, Number(partition), Number(offset));
      }
    }
  }

  private remember(topic: string, partition: number, offset: number): void {
    const place = `${topic}/${partition}`;
    const offsets = this.buried.get(place) ?? new Set();
    this.buried.set(place, offsets.add(offset));
  }
}

/** Longest reason, characters. It goes into a header and a line of the log, and may quote what was received. */
const LONGEST_REASON = 2_200;

function shortened(reason: string): string {
  if (reason.length <= LONGEST_REASON) return reason;
  return `${reason.slice(0, LONGEST_REASON)} … (${reason.length - LONGEST_REASON} more characters)`;
}

const logger = new Logger('event-bus');

/**
 * The dead letter of a message: key, value and headers byte for byte, and in further headers why, from where and by which group.
 * @param nowMs when it was given up, milliseconds since the epoch
 */
export function deadLetter(
  record: IncomingRecord,
  why: { readonly reason: string; readonly group: string; readonly nowMs: number },
): OutgoingRecord {
  return {
    topic: deadLetterTopic(record.topic),
    key: record.key,
    value: record.value,
    headers: {
      ...presentHeaders(record.headers),
      [deadLetterHeaders.reason]: why.reason,
      [deadLetterHeaders.topic]: record.topic,
      [deadLetterHeaders.partition]: String(record.partition),
      [deadLetterHeaders.offset]: String(record.offset),
      [deadLetterHeaders.group]: why.group,
      [deadLetterHeaders.time]: new Date(why.nowMs).toISOString(),
    },
  };
}

function withoutValue({ value, headers, ...letter }: OutgoingRecord): OutgoingRecord {
  return { ...letter, value: null, headers: { ...headers, [deadLetterHeaders.valueBytes]: String(value?.length) } };
}

function presentHeaders(headers: IncomingRecord['headers']): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, Buffer] => entry[1] !== undefined),
  );
}
