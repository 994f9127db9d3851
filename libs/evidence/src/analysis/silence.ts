import type { AnalysisHealth } from '#libs/contracts';
import type { Evidence } from '../fold/evidence.js';
import { eventsBetween, newestSecond, type Pulse } from '../fold/pulse.js';

/** Seconds in which a source owes nothing yet: events of different topics reach the log one after another. */
const GRACE_S = 10;
/**
 * Events a source has to owe before its silence is one: of a Poisson number with this mean, 0 has the probability 2·10⁻⁹, and still .7 % where
 * the expectation is four times too high.
 */
const OWED_EVENTS = 20;
/** Generations per answered request of services that have not spoken yet: all of them are reported. */
const PRESUMED_TELEMETRY = 1;
/** Scores per answered request of a scorer that has not spoken yet: it may be told to score a few of a hundred. */
const PRESUMED_SCORES = 0.04;
/** Requests that would have come by now before it is said that none comes, and the longest time it is waited for them, seconds. */
const MISSED_REQUESTS = 5;
const LONGEST_PAUSE_S = 600;
/** The carrier's clock may be so much ahead of this one's, seconds; what lies further ahead is a wrong stamp and no time. */
const CLOCK_TOLERANCE_S = 60;

/**
 * Which source is silent. All times are the carrier's, so the clocks of routers, services and scorers don't matter; the time of the analysis
 * only says whether requests come at all. A source is silent when it owes {@link OWED_EVENTS}: requests that were answered since it spoke last
 * (older than {@link GRACE_S}), times the share of requests it has had something to say about lately. So neither a scorer that looks at one
 * picture in a hundred nor three requests a minute are a silence.
 */
export function stalenessOf({ pulses, newestAtMs, unscored }: Evidence, nowMs: number): AnalysisHealth['staleness'] {
  const horizon = Math.floor(nowMs / 1_000) + CLOCK_TOLERANCE_S;
  const newestRequest = newestSecond(pulses.answered, horizon);
  const owedGenerations = owed(pulses.generated, PRESUMED_TELEMETRY);
  const owedScores = owed(pulses.scored, PRESUMED_SCORES);
  return {
    status: statusOf(),
    lastRoutedAt: timeOf(newestAtMs['request.routed.v1'], newestRequest),
    lastGeneratedAt: timeOf(newestAtMs['generation.completed.v1'], newestSecond(pulses.generated, horizon)),
    lastScoredAt: timeOf(newestAtMs['image.scored.v1'], newestSecond(pulses.scored, horizon)),
    owedGenerations: Math.round(owedGenerations),
    owedScores: Math.round(owedScores),
    ...(unscored.pictures === 0 ? {} : { unscored }),
  };

  function statusOf(): AnalysisHealth['staleness']['status'] {
    if (newestRequest === null || nowMs / 1_000 - newestRequest > pauseS(pulses.answered, newestRequest))
      return 'no-traffic';
    if (owedGenerations >= OWED_EVENTS) return 'telemetry-silent';
    if (owedScores >= OWED_EVENTS) return 'scores-silent';
    return 'ok';
  }

  function owed(source: Pulse, presumedShare: number): number {
    if (newestRequest === null) return 0;
    const last = newestSecond(source, horizon);
    const unanswered = eventsBetween(pulses.answered, last, newestRequest - GRACE_S);
    return unanswered === 0 ? 0 : unanswered * (last === null ? presumedShare : recentShare(source, last));
  }

  /** Of the requests before `last`, the share that the source spoke of: in the latest minutes that hold enough of its events. */
  function recentShare(source: Pulse, last: number): number {
    let spoken = 0;
    let asked = 0;
    const minutes = [...source.minutes.keys()].filter((minute) => minute < Math.floor(last / 60));
    for (const minute of minutes.sort((a, b) => b - a)) {
      spoken += source.minutes.get(minute) as number;
      // Minutes in which only the source spoke, or only requests came, belong to it as well.
      asked = eventsIn(pulses.answered, minute, Math.floor(last / 60));
      if (spoken >= OWED_EVENTS && asked > 0) return Math.min(1, spoken / asked);
    }
    const before = eventsBetween(pulses.answered, null, last);
    return Math.min(1, source.total / Math.max(1, before));
  }

  /** With a wrong stamp in the log the newest time that can be is the newest second that can be. */
  function timeOf(atMs: number | null, second: number | null): string | null {
    if (atMs === null || second === null) return null;
    return new Date(atMs <= horizon * 1_000 ? atMs : second * 1_000).toISOString();
  }
}

/** Events of whole minutes, from one up to before another. */
function eventsIn({ minutes }: Pulse, from: number, before: number): number {
  let events = 0;
  for (const [minute, count] of minutes) if (minute >= from && minute < before) events += count;
  return events;
}

/** How long requests may be absent before there is no traffic, seconds: until some would have come at the pace of the latest ones. */
function pauseS({ seconds }: Pulse, newest: number): number {
  let events = 0;
  let first = newest;
  for (const [second, count] of seconds) {
    if (second > newest) continue;
    events += count;
    first = Math.min(first, second);
  }
  const perSecond = events / (newest - first + 1);
  return Math.min(LONGEST_PAUSE_S, Math.max(GRACE_S, MISSED_REQUESTS / perSecond));
}
