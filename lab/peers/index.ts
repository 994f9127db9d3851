/*
 * What other systems compute and how they decide, rewritten from their documentation and the papers they cite, to be compared
 * with. Only calibration and benchmarks import this door, production never does: it is left out of the library's own index.
 */
export * from './argo-rollouts.js';
export * from './eppo.js';
export * from './flagger.js';
export * from './growthbook-bayesian.js';
export * from './growthbook-effect.js';
export * from './growthbook-power.js';
export * from './growthbook-sequential.js';
export * from './growthbook-tests.js';
export * from './kayenta.js';
export type { Missing, MissingReason } from './missing.js';
export * from './peer-rules.js';
export * from './pipecd.js';
export * from './spotify.js';
export * from './statsig.js';
