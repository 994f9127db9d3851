export { createAcknowledgementStore, type AcknowledgementStore } from './acknowledgement-store.js';
export { createHeardStore, type HeardStore } from './heard-store.js';
export type { NewDecisionEvent } from './append-decision-events.js';
export { createExperimentStore, type ExperimentStore } from './experiment-store.js';
export { lockHolders, type LockHolder } from './lock-holders.js';
export {
  createOrderAnswerStore,
  type KeyedOrder,
  type OrderAnswer,
  type OrderAnswerStore,
} from './order-answer-store.js';
export type { StoredExperiment } from './load-experiment.js';
export type { DecisionEventRange, StoredDecisionEvent } from './read-decision-events.js';
export { VersionConflictError, type ExperimentChange } from './save-experiment.js';
export { createServiceStore, type ServiceStore, type StoredService, type StoredServiceEvent } from './service-store.js';
