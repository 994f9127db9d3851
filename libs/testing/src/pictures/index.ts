export * from './normalise.js';
export * from './pillow-samples.js';
export * from './png.js';
