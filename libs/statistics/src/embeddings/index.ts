export * from './diversity.js';
export { dimensionOf, type Embedding, unitVectors } from './embedding.js';
export * from './embedding-reservoir.js';
export * from './mmd.js';
export * from './rbf-kernel.js';
export * from './symmetric-eigenvalues.js';
