export * from './unused-port.js';
export * from './watched-process.js';
