import type { LoggerService } from '@nestjs/common';
import { Counter, type Registry } from 'prom-client';
import { canonicalJson, isSignedTopic, topics, type EncodedEvent } from '#libs/contracts';
import { LogFollower, type BusClient, type IncomingRecord, type OrderSigner, type OrderTrust } from '#libs/messaging';
import type { DecisionLog } from '../deciding/decision-log.js';
import type { Decisions } from '../deciding/decisions.js';
import { NewestSaid } from './newest-said.js';

export interface OwnWordOptions {
  readonly bus: BusClient;
  readonly controller: string;
  readonly signer: OrderSigner;
  readonly trust: OrderTrust;
  readonly log: Pick<DecisionLog, 'sayAgain' | 'sayServiceAgain'>;
  readonly decisions: Pick<Decisions, 'forged' | 'knows' | 'newestOrders'>;
  readonly logger: Pick<LoggerService, 'warn' | 'error'>;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

/** A record that stands where this service's newest word should be. */
interface Displacing {
  readonly record: IncomingRecord;
  /** `own`: it has said so itself, before something newer. Otherwise somebody else has signed it, or nobody. */
  readonly by: 'own' | 'somebody else';
  /** Why nobody may obey it; undefined: it was signed with a key that counts, or counted until now. */
  readonly refusal: string | undefined;
}

/** How often one thing is said again within {@link CALM_MS}: two services with different keys would contradict each other for ever. */
const ATTEMPTS = 6;
const CALM_MS = 10 * 60_000;

/**
 * Hears what is said in the controller's name. What it has not signed itself has taken the place of its own word in a compacted topic, where a
 * router that starts would not find that any more: so it says its own again, and raises an alarm where the other one said something else. So does its own word of
 * before, which somebody has published again. By the same way a log of before there were signatures, or of an older key, gets them when the service starts.
 */
export class OwnWord {
  /** By topic and key; keys that nobody knows are one. */
  private readonly waiting = new Map<string, Displacing>();
  private readonly newestSaid = new NewestSaid();
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
    for (const { experiment, lastCommand, revision, policy } of this.options.decisions.newestOrders()) {
      this.newestSaid.expect(nameOf(topics.allocationCommanded.name, experiment), [lastCommand.epoch]);
      this.newestSaid.expect(nameOf(topics.experimentDefined.name, experiment), [revision, policy]);
    }
    await this.feed.start();
    await this.look();
  }

  async close(): Promise<void> {
    await this.feed.close();
  }

  /** Says again what is needed; what can't be said now waits for the next look. */
  async look(): Promise<void> {
    // What fails waits again, for the next look.
    const waiting = new Map(this.waiting);
    for (const [name, displacing] of waiting) {
      const isOver = displacing.by === 'own' && this.newestSaid.stands(name);
      if (!isOver && !this.mayAnswer(name)) continue;
      this.waiting.delete(name);
      if (isOver) continue;
      await this.answer(name, displacing).catch((error: Error) => {
        if (!this.waiting.has(name)) this.waiting.set(name, displacing);
        this.options.logger.warn(`${name} can't be said again now: ${error.message}`);
      });
    }
  }

  private notice(record: IncomingRecord): void {
    const { signer, trust } = this.options;
    if (!isSignedTopic(record.topic)) return;
    if (signer.hasSigned(record)) {
      const name = nameOf(record.topic, keyOf(record));
      const isDisplaced = this.newestSaid.isOvertaken(name, record) && !this.waiting.has(name);
      if (isDisplaced) this.waiting.set(name, { record, by: 'own', refusal: undefined });
      return;
    }
    const refusal = trust.refusalOf(record);
    // Another controller with a key of its own; what an older key has signed is signed anew at the start.
    if (refusal === undefined && this.isLoaded) return;
    if (refusal !== undefined) this.forgeries.inc({ topic: record.topic });
    // However many names somebody makes up, nothing that is known waits behind them.
    const key = this.options.decisions.knows(keyOf(record)) ? keyOf(record) : 'what is unknown here';
    this.waiting.set(nameOf(record.topic, key), { record, by: 'somebody else', refusal });
  }

  private async answer(name: string, { record, by, refusal }: Displacing): Promise<void> {
    const own = await this.sayAgain(record);
    if (by === 'own') {
      const message = 'said again: an older one, which has a signature too, had taken its place';
      return this.options.logger.warn(`${name} is ${message}. Look at who may write to the bus.`);
    }
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

function nameOf(topic: string, key: string): string {
  return `${topic} of ${key}`;
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
