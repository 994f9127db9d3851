export * from './adjusted-p.js';
export * from './e-benjamini-hochberg.js';
export { eValueOfP, meanOfEValues, mixedEValueOfP, pOfEValue, productOfEValues } from './e-values.js';
