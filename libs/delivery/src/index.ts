export { topStage } from './allocation.js';
export { decide } from './decide.js';
export { deliveryEvent, type CommandEvent, type DeliveryEvent, type HoldCause } from './events.js';
export { evolve, rebuild } from './evolve.js';
export type * from './inputs.js';
export { deadlineAtMs, nextTimerAtMs } from './overdue.js';
export { DecisionRefusedError, type RefusalCode } from './refusal.js';
export * from './state.js';
