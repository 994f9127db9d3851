export * from './cmmd.js';
export * from './cross-mmd.js';
export * from './diversity.js';
export type { Embedding } from './embedding.js';
export * from './embedding-reservoir.js';
export * from './mmd.js';
export * from './rbf-kernel.js';
export * from './symmetric-eigenvalues.js';
