import type { Analysis } from '#libs/evidence';
import type { Tracer } from '#libs/platform';

/** An analysis rests on every event of its experiment; of those that came since the one before so many of the last are named. */
const MOST_LINKS = 32;

/** Analyses as spans: each belongs to the trace of the event that came last, and names others that it rests on. */
export class AnalysisSpans {
  private readonly causes = new Map<string, string[]>();

  constructor(private readonly tracer: Tracer) {}

  /** The evidence of an experiment has changed by an event of this trace. */
  note(key: string, traceparent: string | undefined): void {
    if (!this.tracer.isOn || traceparent === undefined) return;
    const causes = this.causes.get(key) ?? [];
    this.causes.set(key, causes);
    causes.push(traceparent);
    if (causes.length > 2 * MOST_LINKS) causes.splice(0, causes.length - MOST_LINKS);
  }

  /** The trace context of an analysis; undefined: as it was before. */
  contextOf(parent: string | undefined): string | undefined {
    return this.tracer.isOn ? this.tracer.child(parent) : parent;
  }

  /** An analysis is on the bus. */
  published(key: string, { parent, traceparent, analysis }: PublishedAnalysis): void {
    if (!this.tracer.isOn || traceparent === undefined) return;
    const causes = this.causes.get(key) ?? [];
    this.causes.delete(key);
    const endMs = Date.now();
    this.tracer.record({
      name: 'analyse',
      kind: 'consumer',
      traceparent,
      parent,
      links: [...new Set(causes)].filter((cause) => cause !== parent).slice(-MOST_LINKS),
      startMs: Math.min(endMs, analysis.newestEventAt === null ? endMs : Date.parse(analysis.newestEventAt)),
      endMs,
      attributes: {
        'teststrip.experiment': analysis.experiment,
        'teststrip.revision': analysis.revision,
        'teststrip.epoch': analysis.epoch,
        'teststrip.stage': analysis.stage,
        'teststrip.verdicts': verdictsIn(analysis),
      },
    });
  }
}

interface PublishedAnalysis {
  /** Of the event that came last. */
  readonly parent: string | undefined;
  readonly traceparent: string | undefined;
  readonly analysis: Analysis;
}

/** What was proven: `error-rate of candidate: harmful`. */
function verdictsIn({ metrics }: Analysis): string {
  const proven = metrics.filter(({ verdict }) => verdict !== 'undecided' && verdict !== 'unmeasurable');
  return proven.map(({ metric, candidate, verdict }) => `${metric} of ${candidate}: ${verdict}`).join(', ');
}
