export * from './answered.js';
export * from './false-alarms.js';
export * from './golden-values.js';
export * from './reference-vectors.js';
export * from './vector-families.js';
