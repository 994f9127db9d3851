import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { topics } from '#libs/contracts';
import { databaseFor, type Database } from '#libs/persistence';
import { commonVariables, ConfigurationError } from '#libs/platform';
import { kafkaSecurity } from './carriers/kafka/kafka-security.js';
import { kafkaVariables, type KafkaSettings } from './carriers/kafka/kafka-settings.js';
import { createEventBus } from './create-event-bus.js';
import { ensureTopics } from './ensure-topics.js';
import type { EventBus } from './event-bus.js';

const { BUS, KAFKA_BROKERS, DATABASE_URL, DATA_DIR, PARTITIONS } = commonVariables;

/** The variables that say where bus and database are, and how they are reached. */
export const busVariables = { BUS, KAFKA_BROKERS, ...kafkaVariables, DATABASE_URL, DATA_DIR, PARTITIONS } as const;

/** The settings of {@link busVariables}. */
export interface BusSettings extends KafkaSettings {
  readonly BUS: 'postgres' | 'kafka' | 'memory';
  readonly KAFKA_BROKERS: readonly string[];
  readonly DATABASE_URL?: string | undefined;
  readonly DATA_DIR: string;
  readonly PARTITIONS: number;
}

export interface OpenBus {
  readonly bus: EventBus;
  close(): Promise<void>;
}

/** The database of the settings: `DATABASE_URL`, or an embedded one under `DATA_DIR`, shared with whoever else uses that folder. */
export function openConfiguredDatabase(settings: BusSettings, clientId: string): Promise<Database> {
  return databaseFor(settings.DATABASE_URL, {
    dataDir: join(settings.DATA_DIR, 'postgres'),
    applicationName: clientId,
  });
}

/**
 * The bus of the settings with all topics created. On the Postgres carrier it uses `database`; without one it opens (and closes) its own,
 * so a service that needs no database has none on Kafka.
 */
export async function openBus(settings: BusSettings, clientId: string, database?: Database): Promise<OpenBus> {
  const opened = await openBusAsItIs(settings, clientId, database);
  try {
    tellPartitions(settings.PARTITIONS, await ensureTopics(opened.bus, settings.PARTITIONS));
  } catch (error) {
    await opened.close();
    throw error;
  }
  return opened;
}

/** The same with whatever topics there are, for who only looks: none is created. */
export async function openBusAsItIs(settings: BusSettings, clientId: string, database?: Database): Promise<OpenBus> {
  const own = settings.BUS === 'postgres' && !database ? await openConfiguredDatabase(settings, clientId) : undefined;
  try {
    const bus = await createEventBus(await carrierOf(settings, clientId, database ?? own));
    return {
      bus,
      close: async () => {
        await bus.close();
        await own?.close();
      },
    };
  } catch (error) {
    await own?.close();
    throw error;
  }
}

/** One or more for every request of a user. */
const BULK_TOPICS: ReadonlySet<string> = new Set([
  topics.requestRouted.name,
  topics.generationCompleted.name,
  topics.imageScored.name,
]);

/** Nobody should believe in a number that is not in force. */
function tellPartitions(wanted: number, found: number): void {
  if (wanted === found) return;
  new Logger('event-bus').warn(
    `PARTITIONS=${wanted} is not in force: the topics of this bus were created with ${found} partitions and keep them. ` +
      `Set PARTITIONS=${found}; to have ${wanted}, begin anew with an empty database, or on Kafka with topics that have as many`,
  );
}

async function carrierOf(
  settings: BusSettings,
  clientId: string,
  database: Database | undefined,
): Promise<Parameters<typeof createEventBus>[0]> {
  if (settings.BUS === 'postgres' && database) return { carrier: 'postgres', database, bulkTopics: BULK_TOPICS };
  if (settings.BUS === 'memory') return { carrier: 'memory' };
  if (settings.KAFKA_BROKERS.length === 0)
    throw new ConfigurationError(['KAFKA_BROKERS=(not set): BUS=kafka needs it, for example 127.0.0.1:9092']);
  return {
    carrier: 'kafka',
    brokers: settings.KAFKA_BROKERS,
    clientId,
    security: await kafkaSecurity(settings),
    durability: {
      copies: settings.KAFKA_REPLICATION_FACTOR,
      leastInSync: settings.KAFKA_MIN_INSYNC_REPLICAS,
      retentionDays: settings.KAFKA_RETENTION_DAYS,
    },
  };
}
