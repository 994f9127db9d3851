export { FactOfNoKeptDayError } from './days/fact-of-no-kept-day-error.js';
export type { ErasedRows } from './erase/erase-unit.js';
export { createFactStore, type FactStore } from './fact-store.js';
export type { DroppedDays } from './retain/drop-old-days.js';
export type { PreparedFact } from './record/prepared-fact.js';
