/** Seconds that are remembered: several times as long as a source may be silent. */
const KEPT_S = 120;

/**
 * The recent seconds in which requests succeeded, ascending. Silence of a source is counted from the first of them that it
 * has nothing to say about, not from its last word: after a night without traffic, or a restart, nobody owes anything yet.
 */
export type BusySeconds = readonly number[];

export function addBusySecond(seconds: BusySeconds, atMs: number): BusySeconds {
  const second = Math.floor(atMs / 1000);
  // Nearly always the newest one again.
  if (seconds.at(-1) === second) return seconds;
  return mergeBusySeconds(seconds, [second]);
}

export function mergeBusySeconds(a: BusySeconds, b: BusySeconds): BusySeconds {
  const merged = [...new Set([...a, ...b])].sort((x, y) => x - y);
  const newest = merged.at(-1) ?? 0;
  return merged.filter((second) => second > newest - KEPT_S);
}

/** For how long a source that spoke last at `lastMs` (null: never) has been owing an answer, milliseconds. */
export function silenceMs(seconds: BusySeconds, lastMs: number | null): number {
  const newest = seconds.at(-1);
  const firstUnanswered = seconds.find((second) => lastMs === null || second * 1000 > lastMs);
  return newest === undefined || firstUnanswered === undefined ? 0 : (newest - firstUnanswered) * 1000;
}
