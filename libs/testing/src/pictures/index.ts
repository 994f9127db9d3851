export * from './normalise.js';
export * from './pillow-samples.js';
