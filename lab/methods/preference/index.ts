export * from './bradley-terry.js';
export * from './fixed-sign-test.js';
