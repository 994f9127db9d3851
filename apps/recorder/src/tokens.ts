/** Injection tokens of the module. */
export const FACT_RECORDER = Symbol('FACT_RECORDER');
export const RETENTION = Symbol('RETENTION');
