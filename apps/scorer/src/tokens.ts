/** Injection tokens of the module. */
export const SCORER = Symbol('SCORER');
export const PICTURE_FETCHER = Symbol('PICTURE_FETCHER');
export const GENERATION_SCORER = Symbol('GENERATION_SCORER');
export const SCORER_METRICS = Symbol('SCORER_METRICS');
export const LAG_WATCH = Symbol('LAG_WATCH');
