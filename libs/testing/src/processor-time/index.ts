export * from './processor-ms-of.js';
