export * from './builders.js';
export * from './folded-service.js';
export * from './given.js';
export * from './play.js';
export * from './shadowed-service.js';
export * from './queued-service.js';
export * from './service-histories.js';
