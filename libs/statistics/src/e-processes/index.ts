export * from './anytime-p.js';
export * from './bets.js';
export * from './betting.js';
export * from './sample-ratio.js';
export * from './scored-tilt.js';
export * from './tilt.js';
export * from './wealth.js';
