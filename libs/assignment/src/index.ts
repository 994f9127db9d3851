export * from './assign.js';
export * from './audience.js';
export * from './bucket.js';
export * from './layout.js';
export * from './murmur3.js';
export * from './layer-slot.js';
