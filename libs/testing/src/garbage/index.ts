export * from './collect-garbage.js';
export * from './while-garbage-is-collected.js';
