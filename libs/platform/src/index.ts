export * from './bootstrap.js';
export * from './clock.js';
export * from './configuration.js';
export * from './logging.js';
export * from './problem.js';
