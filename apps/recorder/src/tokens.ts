/** Injection tokens of the module. */
export const FACT_RECORDER = Symbol('FACT_RECORDER');
export const RETENTION = Symbol('RETENTION');
export const FACT_STORE = Symbol('FACT_STORE');
export const UNIT_NAMES = Symbol('UNIT_NAMES');
