export * from './gain.js';
export * from './pareto.js';
export * from './utility.js';
