export * from './folding.js';
export * from './full-traffic.js';
export * from './paired-traffic.js';
export * from './running-canary.js';
export { type Machine, QueuedTraffic } from './queued-traffic.js';
export { type Behaviour, definition, SimulatedTraffic } from './simulated-traffic.js';
