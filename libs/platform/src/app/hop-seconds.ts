import { Histogram, type Registry } from 'prom-client';

/** The ways from what happened to what is served for it. */
export type Hop = 'event-to-analysis' | 'analysis-to-command' | 'command-to-applied' | 'event-to-applied';

/** Notes one hop. @param since the time that an event carries; null: it carries none, and nothing is noted */
export type NoteHop = (hop: Hop, since: string | null, untilMs: number) => void;

/** Most orders are in force a tenth of a second after what they rest on; one that took a minute is to be seen as well. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** `teststrip_hop_seconds`: each app measures the hops that end at it, under one name, so that they can be looked at together. */
export function hopSeconds(registry: Registry): NoteHop {
  const histogram = new Histogram({
    name: 'teststrip_hop_seconds',
    help: 'Seconds from the newest event of an analysis (when the bus took it) to the analysis, from that to the command that rests on it, from that to where it was applied, and the whole way.',
    labelNames: ['hop'] as const,
    buckets: BUCKETS,
    registers: [registry],
  });
  return (hop, since, untilMs) => {
    // Clocks of two machines may disagree by a little.
    if (since !== null) histogram.observe({ hop }, Math.max(0, untilMs - Date.parse(since)) / 1_000);
  };
}
