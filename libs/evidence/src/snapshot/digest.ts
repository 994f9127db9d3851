import { memoryKey } from '../fold/memory-key.js';

/** A short name for a value of plain JSON: equal for equal values, another one for others but once in 2⁵³. */
export function digestOf(value: unknown): string {
  return memoryKey(JSON.stringify(value)).toString(36);
}
