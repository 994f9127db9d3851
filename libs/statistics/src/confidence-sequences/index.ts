export * from './asymptotic-sequence.js';
export * from './mean-difference.js';
export * from './quantile-sequence.js';
