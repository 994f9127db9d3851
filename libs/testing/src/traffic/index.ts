export * from './folding.js';
export * from './full-traffic.js';
export * from './simulated-traffic.js';
