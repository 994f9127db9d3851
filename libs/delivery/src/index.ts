export { topStage } from './allocation.js';
export { decider } from './decider.js';
export { deliveryEvent, type CommandEvent, type DeliveryEvent, type HoldCause } from './events.js';
export { rebuild } from './evolve.js';
export type * from './inputs.js';
export { DecisionRefusedError, type RefusalCode } from './operator/refusal.js';
export { deadlineAtMs, nextTimerAtMs } from './rules/deadline.js';
export * from './state.js';
