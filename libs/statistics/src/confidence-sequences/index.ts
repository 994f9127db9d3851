export * from './asymptotic-sequence.js';
export * from './bernoulli-sequence.js';
export * from './beta-binomial-mixture.js';
export * from './difference-estimate.js';
export * from './mean-difference.js';
export * from './mixture-boundary.js';
export * from './quantile-sequence.js';
