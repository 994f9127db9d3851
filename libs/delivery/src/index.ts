export { topStage } from './allocation.js';
export { decider } from './decider.js';
export { deliveryEvent, type CommandEvent, type DeliveryEvent, type GateAnswer, type HoldCause } from './events.js';
export { rebuild } from './evolve.js';
export type * from './inputs.js';
export { DecisionRefusedError, type RefusalCode } from './operator/refusal.js';
export { appliedInWords } from './words/applied.js';
export { awaitedGates, gatesToAsk } from './rules/gates.js';
export { metricByPairs } from './rules/pairs.js';
export { deadlineAtMs, deadlineMsIn, nextTimerAtMs } from './rules/deadline.js';
export { type Notice, noticesOf } from './notices.js';
export type { RunClock } from './outlook.js';
export { type KeptLog, type Replay, type ReplayedDecision, replayLog } from './replay/replay-log.js';
export { unansweredOf, type OpenOfVariants, type Unanswered } from './rules/unanswered.js';
export { adoptService } from './service/adopt.js';
export { decideOnService, rollBackUnreadable } from './service/decide-on-service.js';
export { effectOf, EFFECTIVE_WITHIN_MS, type OrderEffect, type LiveRouter } from './service/effect.js';
export { serviceEvent, type ServiceEvent } from './service/events.js';
export { evolveService } from './service/evolve-service.js';
export { operateService, type ServiceInput } from './service/operate-service.js';
export { latchesInLogs } from './service/latches-in-logs.js';
export { claimedRoute, refuseTakenRoute } from './service/route.js';
export { servedByEnded } from './service/served.js';
export { isDivided, layerOf } from './service/slots.js';
export {
  newService,
  wasPausedWith,
  type ServiceBaseline,
  type Latch,
  type ServiceMode,
  type ServiceSlot,
  type ServiceState,
} from './service/state.js';
export * from './state.js';
export {
  BrokenLogError,
  readStoredEvent,
  readStoredLog,
  readStoredServiceEvent,
  type StoredEvent,
} from './stored/stored-log.js';
export { EVENT_VERSION, upcast } from './stored/upcast.js';
export { comparisonOf } from './words/comparison.js';
export { type HealthNotes, healthNotes } from './words/health-notes.js';
export { type MetricNote, metricNotes } from './words/metric-notes.js';
export { duration, number, percent, percentOf } from './words/numbers.js';
export { orderInWords } from './words/order.js';
export { phaseInWords } from './words/phase.js';
export { reasonInWords, reasonWords } from './words/reason.js';
