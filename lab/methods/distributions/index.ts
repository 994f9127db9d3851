export { betaLowerTail, betaQuantile, betaUpperTail, lnBetaLowerTail, lnBetaUpperTail } from './beta.js';
export * from './binomial.js';
export * from './f.js';
export * from './gamma.js';
export * from './student-t.js';
