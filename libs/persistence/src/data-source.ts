import { DataSource } from 'typeorm';
import { ConsumedPositionEntity } from './entities/consumed-position.entity.js';
import { DecisionEventEntity } from './entities/decision-event.entity.js';
import { EvidenceSnapshotEntity } from './entities/evidence-snapshot.entity.js';
import { ExperimentEntity } from './entities/experiment.entity.js';
import { OutboxRecordEntity } from './entities/outbox-record.entity.js';
import { SCHEMA } from './entities/schema-name.js';
import { Decisions1790000000001 } from './migrations/1790000000001-decisions.js';

/**
 * TypeORM's view of the database: entities and migrations. The schema is changed by migrations only.
 * @param connections size of the data source's own pool.
 */
export function createDataSource(url: string, connections = 2): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    schema: SCHEMA,
    entities: [
      ExperimentEntity,
      DecisionEventEntity,
      OutboxRecordEntity,
      ConsumedPositionEntity,
      EvidenceSnapshotEntity,
    ],
    migrations: [Decisions1790000000001],
    migrationsTableName: 'migrations',
    synchronize: false,
    migrationsRun: false,
    poolSize: connections,
  });
}
