import { DataSource } from 'typeorm';
import { AnalysisEntity } from './entities/analysis.entity.js';
import { AppliedAllocationEntity } from './entities/applied-allocation.entity.js';
import { CommandEntity } from './entities/command.entity.js';
import { ConsumedPositionEntity } from './entities/consumed-position.entity.js';
import { ControllerEntity } from './entities/controller.entity.js';
import { DecisionEventEntity } from './entities/decision-event.entity.js';
import { EvidenceSnapshotEntity } from './entities/evidence-snapshot.entity.js';
import { ExperimentDefinitionEntity } from './entities/experiment-definition.entity.js';
import { ExperimentEntity } from './entities/experiment.entity.js';
import { FeedbackEntity } from './entities/feedback.entity.js';
import { GenerationEntity } from './entities/generation.entity.js';
import { ImageScoreEntity } from './entities/image-score.entity.js';
import { OutboxRecordEntity } from './entities/outbox-record.entity.js';
import { PreferenceEntity } from './entities/preference.entity.js';
import { RequestEntity } from './entities/request.entity.js';
import { SCHEMA } from './entities/schema-name.js';
import { TrafficEntity } from './entities/traffic.entity.js';
import { Decisions1790000000001 } from './migrations/1790000000001-decisions.js';
import { Facts1790000000002 } from './migrations/1790000000002-facts.js';

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
      ExperimentDefinitionEntity,
      CommandEntity,
      AppliedAllocationEntity,
      AnalysisEntity,
      RequestEntity,
      GenerationEntity,
      ImageScoreEntity,
      FeedbackEntity,
      PreferenceEntity,
      TrafficEntity,
      ControllerEntity,
    ],
    migrations: [Decisions1790000000001, Facts1790000000002],
    migrationsTableName: 'migrations',
    synchronize: false,
    migrationsRun: false,
    poolSize: connections,
  });
}
