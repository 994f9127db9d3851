export * from './assignment.js';
export * from './documents.js';
export * from './envelope.js';
export * from './events.js';
export { examples } from './examples.js';
export * from './experiment.js';
export * from './experiment-file.js';
export * from './names.js';
export * from './topics.js';
