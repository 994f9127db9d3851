import { DataSource } from 'typeorm';
import { ENTITIES } from './entities/index.js';
import { SCHEMA } from './entities/schema-name.js';
import { MIGRATIONS } from './migrations/index.js';

export interface DataSourceOptions {
  readonly url: string;
  /** Size of the data source's own pool. */
  readonly connections: number;
  /** `read-only`: Postgres refuses every statement that would write. */
  readonly access: 'read-only' | 'read-write';
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** How long a statement may go unanswered, milliseconds. Default: for as long as it takes. */
  readonly answerWithinMs?: number;
}

/** TypeORM's view of the database: entities and migrations. The schema is changed by migrations only. */
export function createDataSource(options: DataSourceOptions): DataSource {
  const { url, connections, access, applicationName, answerWithinMs } = options;
  return new DataSource({
    type: 'postgres',
    url,
    schema: SCHEMA,
    entities: [...ENTITIES],
    migrations: [...MIGRATIONS],
    migrationsTableName: 'migrations',
    synchronize: false,
    migrationsRun: false,
    poolSize: connections,
    connectTimeoutMS: 10_000,
    applicationName,
    // An idle connection that breaks is replaced by the next query.
    poolErrorHandler: () => undefined,
    extra: {
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      ...(answerWithinMs === undefined ? {} : { query_timeout: answerWithinMs }),
      // Plain reads are short. Postgres thinks those that look for scores by a part of their key a thousand times longer than they are, and would compile them for a second.
      ...(access === 'read-only' ? { options: '-c default_transaction_read_only=on -c jit=off' } : {}),
    },
  });
}
