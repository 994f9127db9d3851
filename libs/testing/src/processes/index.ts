export * from './watched-process.js';
