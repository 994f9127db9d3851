import type { LoggerService } from '@nestjs/common';
import { Counter, type Registry } from 'prom-client';
import { canonicalJson, isSignedTopic, topics, type EncodedEvent } from '#libs/contracts';
import { LogFollower, type BusClient, type IncomingRecord, type OrderSigner, type OrderTrust } from '#libs/messaging';
import type { DecisionLog } from '../deciding/decision-log.js';
import type { Decisions } from '../deciding/decisions.js';

export interface OwnWordOptions {
  readonly bus: BusClient;
  readonly controller: string;
  readonly signer: OrderSigner;
  readonly trust: OrderTrust;
  readonly log: Pick<DecisionLog, 'sayAgain' | 'sayServiceAgain'>;
  readonly decisions: Pick<Decisions, 'forged' | 'newestOrders'>;
  readonly logger: Pick<LoggerService, 'warn' | 'error'>;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

/** A record that this service has not signed, where its own word should be. */
interface Foreign {
  readonly record: IncomingRecord;
  /** Why nobody may obey it; undefined: it was signed with a key that counts, or counted until now. */
  readonly refusal: string | undefined;
}

/** How often one thing is said again within {@link CALM_MS}: two services with different keys would contradict each other for ever. */
const ATTEMPTS = 6;
const CALM_MS = 10 * 60_000;
/** Names beyond it are made up. */
const MOST_WAITING = 10_000;

/**
 * Hears what is said in the controller's name. What it has not signed itself has taken the place of its own word in a compacted topic, where a
 * router that starts would not find that any more: so it says its own again, and raises an alarm where the other one said something else. By the same
 * way a log of before there were signatures, or of an older key, gets them when the service starts.
 */
export class OwnWord {
  private readonly waiting = new Map<string, Foreign>();
  private readonly attempts = new Map<string, { readonly sinceMs: number; readonly count: number }>();
  private readonly forgeries: Counter<'topic'>;
  private readonly feed: LogFollower;
  private isLoaded = false;

  constructor(private readonly options: OwnWordOptions) {
    const { bus, controller, logger, metrics } = options;
    this.forgeries = new Counter({
      name: 'teststrip_decision_foreign_orders_total',
      help: 'Definitions, orders and signs of life on the bus that no known key has signed, by topic.',
      labelNames: ['topic'],
      registers: [metrics],
    });
    this.feed = new LogFollower({
      bus,
      name: 'decision-orders',
      member: controller,
      compacted: [topics.experimentDefined.name, topics.serviceDefined.name, topics.allocationCommanded.name],
      live: [topics.controllerHeartbeat.name],
      attemptMs: 5_000,
      // Whoever obeys refuses it and buries it; here it is only noticed.
      trust: {
        refusalOf: (record) => {
          this.notice(record as IncomingRecord);
          return undefined;
        },
      },
      onEvent: () => undefined,
      onLoaded: () => (this.isLoaded = true),
      onTrouble: (message) => logger.warn(message),
    });
  }

  /** What waits in the log is said again before it returns, where the bus can be read. */
  async start(): Promise<void> {
    if (this.options.signer.publicKey === undefined) return;
    await this.feed.start();
    await this.look();
  }

  async close(): Promise<void> {
    await this.feed.close();
  }

  /** Says again what is needed. */
  async look(): Promise<void> {
    for (const [name, foreign] of this.waiting) {
      this.waiting.delete(name);
      await this.answer(name, foreign).catch((error: Error) =>
        this.options.logger.warn(`${name} can't be said again now: ${error.message}`),
      );
    }
  }

  private notice(record: IncomingRecord): void {
    const { signer, trust } = this.options;
    if (!isSignedTopic(record.topic) || signer.hasSigned(record)) return;
    const refusal = trust.refusalOf(record);
    // Another controller with a key of its own; what an older key has signed is signed anew at the start.
    if (refusal === undefined && this.isLoaded) return;
    if (refusal !== undefined) this.forgeries.inc({ topic: record.topic });
    if (this.waiting.size < MOST_WAITING) this.waiting.set(`${record.topic} of ${keyOf(record)}`, { record, refusal });
  }

  private async answer(name: string, { record, refusal }: Foreign): Promise<void> {
    if (!this.mayAnswer(name)) return;
    const own = await this.sayAgain(record);
    // A controller of before there were signatures, or one with another key: what it said is what the log has.
    if (refusal === undefined || own.some((said) => isSame(said, record))) {
      if (refusal !== undefined) this.options.logger.warn(`${name} is signed anew: ${refusal}`);
      return;
    }
    const message = `Somebody else has published ${record.topic} in the controller's name: ${refusal}. Routers that know the controller's key do not obey it. Look at who may write to the bus; the message is in ${record.topic}.dead.`;
    this.options.logger.error(`${name}: ${message}`);
    for (const experiment of this.experimentsOf(record)) await this.options.decisions.forged(experiment, message);
  }

  private mayAnswer(name: string): boolean {
    const nowMs = this.options.nowMs();
    const before = this.attempts.get(name);
    const { sinceMs, count } = before && nowMs - before.sinceMs < CALM_MS ? before : { sinceMs: nowMs, count: 0 };
    if (count >= ATTEMPTS) return false;
    if (this.attempts.size >= MOST_WAITING) this.attempts.clear();
    this.attempts.set(name, { sinceMs, count: count + 1 });
    return true;
  }

  private async sayAgain(record: IncomingRecord): Promise<readonly EncodedEvent[]> {
    switch (record.topic) {
      case topics.experimentDefined.name:
      case topics.allocationCommanded.name:
        return this.options.log.sayAgain(keyOf(record));
      case topics.serviceDefined.name:
        return this.options.log.sayServiceAgain(keyOf(record));
      default:
        return [];
    }
  }

  /** Who has to be told. */
  private experimentsOf(record: IncomingRecord): readonly string[] {
    const key = keyOf(record);
    const running = this.options.decisions.newestOrders();
    return running
      .filter(({ experiment, spec }) => experiment === key || spec.service === key)
      .map(({ experiment }) => experiment);
  }
}

function keyOf({ key }: IncomingRecord): string {
  return key?.toString() ?? '';
}

/** Whether both say the same, whoever says it. */
function isSame(own: EncodedEvent, { topic, headers, value }: IncomingRecord): boolean {
  if (own.topic !== topic || own.headers['ce_id'] !== headers['ce_id']?.toString()) return false;
  try {
    return canonicalJson(JSON.parse(own.value.toString())) === canonicalJson(JSON.parse(value?.toString() ?? 'null'));
  } catch {
    return false;
  }
}
