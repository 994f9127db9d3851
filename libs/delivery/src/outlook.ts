import type { ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';

/** How long an experiment has run and may still run; operators' pauses are in neither. */
export interface RunClock {
  readonly elapsedMs: number;
  readonly leftMs: number;
}

/** When an equal candidate would be promoted at the traffic as it is, and whether that is too late. */
export interface Outlook {
  /** Further units that were not seen before. */
  readonly units: number;
  readonly hardest: string | null;
  /** Guardrails of which too little is known: they may take longer. */
  readonly unknown: readonly string[];
  /** The requests that the following is read from, and how many of them came from new units. */
  readonly recent: { readonly requests: number; readonly newUnits: number };
  /** Requests until as many new units have come; +∞ where none comes any more. */
  readonly requests: number;
  /** At the present rate; +∞ where none comes, null where the rate is not known. */
  readonly ms: number | null;
  /** Most requests come from units that were seen before, and say nothing new. */
  readonly hasFewNewUnits: boolean;
  /** Even at a rate that is as high as chance allows the proof is not done in time. */
  readonly isTooLate: boolean;
}

/** Requests before their share of new units means anything. */
const SMALLEST_RECENT = 500;
/** Requests of the newest part before it speaks for itself. */
const SMALLEST_WINDOW = 200;
/** Below this share of new units an experiment takes a third more requests than units, and the more the longer it runs. */
const ENOUGH_NEW = 0.75;
/** Before so large a part of its time has passed, nothing is said of the rate: traffic may just be beginning. */
const SMALLEST_PART = 0.02;
/** Standard errors of a Poisson count, added to it before it is called too small. */
const CAUTION = 3;

/**
 * From `plan`'s arithmetic on the live traffic (the analysis's forecast): how many requests and how much time are still to come. Null where
 * there is no forecast: no ramp, nothing known yet, or nothing left to prove.
 */
export function outlookOf(spec: ExperimentSpec, analysis: ExperimentAnalysed, clock: RunClock): Outlook | null {
  const { forecast } = analysis;
  if (forecast === undefined || forecast.units === 0) return null;
  const units = forecast.units ?? Infinity;
  const seen = recentTraffic(spec, analysis, clock);
  const share = seen.newUnits / seen.requests;
  const requests = seen.requests === 0 ? units : units / share;
  const ms = seen.requests === 0 || seen.ms === 0 ? null : (requests * seen.ms) / seen.requests;
  const total = sum(analysis.requests);
  const couldCome = (clock.leftMs * (total + CAUTION * Math.sqrt(total) + CAUTION)) / clock.elapsedMs;
  return {
    units,
    hardest: forecast.hardest,
    unknown: forecast.unknown,
    recent: { requests: seen.requests, newUnits: seen.newUnits },
    requests,
    ms,
    hasFewNewUnits: total >= SMALLEST_RECENT && share < ENOUGH_NEW,
    isTooLate:
      hasShownItsPace(clock) &&
      // Both by the whole run and by its newest part: traffic that has just begun, or a pause of it, is no forecast.
      requests > couldCome &&
      (ms === null || ms > clock.leftMs),
  };
}

/** Whether so much of the time has passed that its pace says something of the rest. */
export function hasShownItsPace({ elapsedMs, leftMs }: RunClock): boolean {
  return elapsedMs >= SMALLEST_PART * (elapsedMs + leftMs);
}

interface Seen {
  readonly requests: number;
  readonly newUnits: number;
  readonly ms: number;
}

/** The newest requests where the analysis counts them apart, else all of them. */
function recentTraffic(
  { unit }: ExperimentSpec,
  { requests, units, health }: ExperimentAnalysed,
  clock: RunClock,
): Seen {
  const { newUnits } = health;
  const recent: Seen =
    newUnits !== undefined && newUnits.seconds !== null && newUnits.requests >= SMALLEST_WINDOW
      ? { requests: newUnits.requests, newUnits: newUnits.newUnits, ms: newUnits.seconds * 1000 }
      : { requests: sum(requests), newUnits: Math.min(sum(requests), sum(units)), ms: clock.elapsedMs };
  // Every request is a unit of its own, also one whose event was counted twice.
  return unit === 'request' ? { ...recent, newUnits: recent.requests } : recent;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
