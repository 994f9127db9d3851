/** Requests of a generation; what is recent are the last one to two generations of each partition. */
const GENERATION = 200;

/** Requests, how many of them were the first of their unit, and when the carrier took them (ms since 1970; null: none came). */
interface Arrivals {
  readonly requests: number;
  readonly newUnits: number;
  readonly firstAtMs: number | null;
  readonly lastAtMs: number | null;
}

/** How many of the recent requests came from units that had not been seen before. */
export interface Newcomers {
  recent: Arrivals;
  older: Arrivals;
}

const NOBODY: Arrivals = { requests: 0, newUnits: 0, firstAtMs: null, lastAtMs: null };

export function initialNewcomers(): Newcomers {
  return { recent: NOBODY, older: NOBODY };
}

/** Counts a request, in place. */
export function noteArrival(newcomers: Newcomers, isNew: boolean, atMs: number): void {
  if (newcomers.recent.requests >= GENERATION) {
    newcomers.older = newcomers.recent;
    newcomers.recent = NOBODY;
  }
  const { requests, newUnits, firstAtMs, lastAtMs } = newcomers.recent;
  newcomers.recent = {
    requests: requests + 1,
    newUnits: newUnits + Number(isNew),
    firstAtMs: firstAtMs === null || atMs < firstAtMs ? atMs : firstAtMs,
    lastAtMs: lastAtMs === null || atMs > lastAtMs ? atMs : lastAtMs,
  };
}

export function mergeNewcomers(a: Newcomers, b: Newcomers): Newcomers {
  return { recent: together(a.recent, b.recent), older: together(a.older, b.older) };
}

export function recentArrivals({ recent, older }: Newcomers): Arrivals {
  return together(older, recent);
}

function together(a: Arrivals, b: Arrivals): Arrivals {
  return {
    requests: a.requests + b.requests,
    newUnits: a.newUnits + b.newUnits,
    firstAtMs: b.firstAtMs === null || (a.firstAtMs !== null && a.firstAtMs <= b.firstAtMs) ? a.firstAtMs : b.firstAtMs,
    lastAtMs: b.lastAtMs === null || (a.lastAtMs !== null && a.lastAtMs >= b.lastAtMs) ? a.lastAtMs : b.lastAtMs,
  };
}
