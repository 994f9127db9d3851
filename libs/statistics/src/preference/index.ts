export * from './sign-e-process.js';
export * from './votes.js';
