export * from './arm.js';
export * from './by-propensity.js';
export * from './confidence-sequences/index.js';
export * from './distributions/index.js';
export * from './e-processes/index.js';
export * from './embeddings/index.js';
export * from './preference/index.js';
export * from './summaries/index.js';
