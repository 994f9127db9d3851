import type { IncomingRecord } from '../event-bus.js';

/** The newest record of every key, in the order of the log; a newest record without a value means that the key was deleted. */
export function latestPerKey(records: readonly IncomingRecord[]): IncomingRecord[] {
  const newest = new Map<string, IncomingRecord>();
  const withoutKey: IncomingRecord[] = [];
  for (const record of records) {
    if (record.key === null) {
      withoutKey.push(record);
      continue;
    }
    const key = record.key.toString('latin1');
    newest.delete(key);
    newest.set(key, record);
  }
  return [...withoutKey, ...newest.values()].filter((record) => record.value !== null);
}
