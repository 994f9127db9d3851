export * from './ln-beta.js';
export * from './log-space.js';
