export * from './deviance.js';
export { erf, erfc, erfcInverse, scaledErfc } from './error-function.js';
export * from './lambert-w.js';
export * from './ln-beta.js';
export * from './log-space.js';
export * from './normal.js';
