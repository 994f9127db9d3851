import { AcknowledgementEntity } from './acknowledgement.entity.js';
import { AnalysisHeardEntity } from './analysis-heard.entity.js';
import { AnalysisEntity } from './analysis.entity.js';
import { AppliedAllocationEntity } from './applied-allocation.entity.js';
import { BusConsumerGroupEntity } from './bus-consumer-group.entity.js';
import { BusLogEntity } from './bus-log.entity.js';
import { BusPartitionEntity } from './bus-partition.entity.js';
import { BusPositionEntity } from './bus-position.entity.js';
import { BusRecordEntity } from './bus-record.entity.js';
import { BusTopicEntity } from './bus-topic.entity.js';
import { CommandEntity } from './command.entity.js';
import { ConsumedPositionEntity } from './consumed-position.entity.js';
import { ControllerEntity } from './controller.entity.js';
import { DecisionEventEntity } from './decision-event.entity.js';
import { ErasureEntity } from './erasure.entity.js';
import { EvidencePartEntity } from './evidence-part.entity.js';
import { EvidenceSnapshotEntity } from './evidence-snapshot.entity.js';
import { ExperimentDefinitionEntity } from './experiment-definition.entity.js';
import { ExperimentEntity } from './experiment.entity.js';
import { FactHorizonEntity } from './fact-horizon.entity.js';
import { FeedbackEntity } from './feedback.entity.js';
import { GenerationFactEntity } from './generation-fact.entity.js';
import { GenerationView } from './generation.view.js';
import { ImageEmbeddingEntity } from './image-embedding.entity.js';
import { ImageScoreView } from './image-score.view.js';
import { NewestDefinitionView } from './newest-definition.view.js';
import { OrderAnswerEntity } from './order-answer.entity.js';
import { NotificationEntity } from './notification.entity.js';
import { OutboxRecordEntity } from './outbox-record.entity.js';
import { PictureView } from './picture.view.js';
import { PreferenceEntity } from './preference.entity.js';
import { RequestFactEntity } from './request-fact.entity.js';
import { RequestView } from './request.view.js';
import { ScoreFactEntity } from './score-fact.entity.js';
import { ServiceEntity } from './service.entity.js';
import { ServiceEventEntity } from './service-event.entity.js';
import { SharedDocumentEntity } from './shared-document.entity.js';
import { TrafficEntity } from './traffic.entity.js';

/** All tables and views, one file each. No entity refers to another one's class and back: such a pair crashes when the build starts. */
export const ENTITIES = [
  ExperimentEntity,
  DecisionEventEntity,
  AcknowledgementEntity,
  AnalysisHeardEntity,
  ServiceEntity,
  ServiceEventEntity,
  OrderAnswerEntity,
  OutboxRecordEntity,
  NotificationEntity,
  ConsumedPositionEntity,
  EvidenceSnapshotEntity,
  EvidencePartEntity,
  ExperimentDefinitionEntity,
  CommandEntity,
  AppliedAllocationEntity,
  AnalysisEntity,
  RequestFactEntity,
  GenerationFactEntity,
  ScoreFactEntity,
  ImageEmbeddingEntity,
  FeedbackEntity,
  PreferenceEntity,
  SharedDocumentEntity,
  FactHorizonEntity,
  ErasureEntity,
  TrafficEntity,
  ControllerEntity,
  NewestDefinitionView,
  RequestView,
  GenerationView,
  ImageScoreView,
  PictureView,
  BusLogEntity,
  BusTopicEntity,
  BusPartitionEntity,
  BusRecordEntity,
  BusConsumerGroupEntity,
  BusPositionEntity,
] as const;
