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
}

/** TypeORM's view of the database: entities and migrations. The schema is changed by migrations only. */
export function createDataSource({ url, connections, access, applicationName }: DataSourceOptions): DataSource {
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
      ...(access === 'read-only' ? { options: '-c default_transaction_read_only=on' } : {}),
    },
  });
}
