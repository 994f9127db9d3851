export * from './cluster-moments.js';
export * from './regression-adjustment.js';
