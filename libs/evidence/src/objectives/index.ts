export * from './gain.js';
export * from './pareto.js';
export * from './utility.js';
export * from './winner.js';
