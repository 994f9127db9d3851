import { Logger } from '@nestjs/common';
import { UnprocessableEventError, type EventBatch } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { StalePositionError, type Positions } from '#libs/persistence/positions';
import type { FactStore } from '#libs/persistence/recorder';
import type { RecorderMetrics } from './recorder-metrics.js';

/** Writes a batch's facts and the position after it in one transaction: each event has its effect exactly once. */
export class FactRecorder {
  private readonly logger = new Logger('recorder');

  constructor(
    private readonly database: Database,
    private readonly facts: FactStore,
    private readonly positions: Positions,
    private readonly metrics: RecorderMetrics,
  ) {}

  async record(batch: EventBatch): Promise<void> {
    const events = batch.events.map(({ event }) => event);
    try {
      await this.database.transaction(async (tx) => {
        await this.facts.record(tx, events).catch(tellWhoseFault);
        await this.positions.write(tx, batch);
      });
      this.metrics.count(batch);
    } catch (error) {
      if (!(error instanceof StalePositionError)) throw error;
      // Another member has recorded these events already; the partition is about to be taken away from this one.
      this.logger.warn(error.message);
    }
  }
}

/**
 * SQLSTATE classes "data exception", "integrity constraint violation" and "program limit exceeded" (a text too long for an index): Postgres refuses
 * the values themselves.
 */
const REFUSED_VALUES = /^(?:2[23]|54)/;

/** @throws UnprocessableEventError when an event's own values are at fault, else the error itself */
function tellWhoseFault(error: unknown): never {
  const { code, message } = error as { readonly code?: unknown; readonly message: string };
  if (typeof code !== 'string' || !REFUSED_VALUES.test(code)) throw error;
  throw new UnprocessableEventError(`Postgres refuses it (SQLSTATE ${code}): ${message}`, { cause: error });
}
