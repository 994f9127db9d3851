export * from './cmmd.js';
export * from './cross-mmd.js';
