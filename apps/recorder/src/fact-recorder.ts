import { Logger } from '@nestjs/common';
import { Gathering, UnprocessableEventError, type EventBatch } from '#libs/messaging';
import { isDatabaseAway, type Database, type TransactionOptions } from '#libs/persistence';
import { StalePositionError, type Positions } from '#libs/persistence/positions';
import { FactOfNoKeptDayError, type FactStore, type PreparedFact } from '#libs/persistence/recorder';
import type { RecorderMetrics } from './recorder-metrics.js';

interface Waiting {
  readonly batch: EventBatch;
  readonly facts: readonly PreparedFact[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Least time between the starts of two shared transactions of a few events, milliseconds; the first after a pause begins at once. */
const RECORD_EVERY_MS = 250;
/** So many events, a full batch of one partition, are company enough: somebody is behind, and does not wait. */
const ENOUGH_EVENTS = 500;
/** Most events of one transaction; a larger batch has one of its own. */
const MOST_EVENTS = 5_000;
/** A partition that has failed is written apart and without waiting for so long: the event at fault is being looked for, in many small steps. */
const APART_FOR_MS = 1_000;
/** Who has locked a row holds up its own partition, not all that are written together. */
const LOCKED_AT_MOST_MS = 2_000;

/**
 * Writes batches' facts and the positions after them in one transaction: each event has its effect exactly once. The batches of all partitions that
 * wait share a transaction, so that the number of commits does not grow with the number of partitions. What can't be written together is
 * written apart: each batch then succeeds or fails for itself.
 */
export class FactRecorder {
  private readonly logger = new Logger('recorder');
  private readonly gathering = new Gathering<Waiting>({
    everyMs: RECORD_EVERY_MS,
    enough: ENOUGH_EVENTS,
    most: { count: MOST_EVENTS, bytes: Infinity },
    loadOf: ({ batch }) => ({ count: batch.events.length, bytes: 0 }),
    run: (together) => this.writeTogether(together),
  });
  /** By topic and partition. */
  private readonly apartUntilMs = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly facts: FactStore,
    private readonly positions: Positions,
    private readonly metrics: RecorderMetrics,
  ) {}

  record(batch: EventBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      // While another transaction is under way, as a rule.
      const facts = this.facts.prepare(batch.events.map(({ event }) => event));
      const one = { batch, facts, resolve, reject };
      if (performance.now() < (this.apartUntilMs.get(placeOf(batch)) ?? 0)) return void this.writeApart(one);
      this.gathering.add(one);
    });
  }

  private async writeTogether(together: readonly Waiting[]): Promise<void> {
    const [only, ...others] = together;
    if (only && others.length === 0) return void this.writeApart(only);
    try {
      await this.write(together, { lockedAtMostMs: LOCKED_AT_MOST_MS });
      for (const { resolve } of together) resolve();
    } catch (error) {
      for (const one of together) {
        if (isDatabaseAway(error)) one.reject(error);
        else void this.writeApart(one);
      }
    }
  }

  private async writeApart(one: Waiting): Promise<void> {
    const { batch, resolve, reject } = one;
    try {
      await this.write([one]);
      resolve();
    } catch (error) {
      this.apartUntilMs.set(placeOf(batch), performance.now() + APART_FOR_MS);
      if (!(error instanceof StalePositionError)) return reject(error);
      // Another member has recorded these events already; the partition is about to be taken away from this one.
      this.logger.warn(error.message);
      resolve();
    }
  }

  private async write(together: readonly Waiting[], options?: TransactionOptions): Promise<void> {
    const batches = together.map(({ batch }) => batch);
    const facts = together.flatMap((one) => one.facts);
    await this.database.transaction(async (tx) => {
      await this.facts.record(tx, facts).catch(tellWhoseFault);
      await this.positions.write(tx, ...batches);
    }, options);
    for (const batch of batches) this.metrics.count(batch);
  }
}

function placeOf({ topic, partition }: EventBatch): string {
  return `${topic}/${partition}`;
}

/**
 * SQLSTATE classes "data exception", "integrity constraint violation" and "program limit exceeded" (a text too long for an index): Postgres refuses
 * the values themselves.
 */
const REFUSED_VALUES = /^(?:2[23]|54)/;

/** @throws UnprocessableEventError when an event's own values are at fault, else the error itself */
function tellWhoseFault(error: unknown): never {
  if (error instanceof FactOfNoKeptDayError) throw new UnprocessableEventError(error.message, { cause: error });
  const { code, message } = error as { readonly code?: unknown; readonly message: string };
  if (typeof code !== 'string' || !REFUSED_VALUES.test(code)) throw error;
  throw new UnprocessableEventError(`Postgres refuses it (SQLSTATE ${code}): ${message}`, { cause: error });
}
