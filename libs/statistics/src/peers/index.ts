/*
 * What other systems compute and how they decide, rewritten from their documentation and the papers they cite, to be compared
 * with. Only calibration and benchmarks import this door, production never does: it is left out of the library's own index.
 */
export * from './growthbook-sequential.js';
export * from './peer-rules.js';
