import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Analysis } from '#libs/evidence';
import { hopSeconds, type NoteHop } from '#libs/platform';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** What nobody has said anything of for so long has ended, or has no traffic: its proofs are in the reports. */
const SHOWN_FOR_MS = 3_600_000;

interface NewestAnalysis {
  readonly analysis: Analysis;
  /** By `performance.now()`. */
  readonly saidAtMs: number;
}

/** How an analyzer keeps up, and what it has said last. */
export class AnalyzerMetrics {
  private readonly hop: NoteHop;
  private readonly snapshotSeconds;
  private readonly said = new Map<string, NewestAnalysis>();
  private savedAtMs: number | null = null;

  constructor(registry: Registry) {
    this.hop = hopSeconds(registry);
    this.snapshotSeconds = new Histogram({
      name: 'teststrip_analyzer_snapshot_seconds',
      help: 'How long a snapshot of the changed evidence took, by outcome: saved or failed.',
      labelNames: ['outcome'] as const,
      buckets: SECONDS,
      registers: [registry],
    });
    this.createAge(registry);
    this.createProofs(registry);
  }

  /** @param nowMs ms since 1970 */
  published(analysis: Analysis, nowMs: number): void {
    this.hop('event-to-analysis', analysis.newestEventAt, nowMs);
    this.said.set(analysis.experiment, { analysis, saidAtMs: performance.now() });
  }

  /** A snapshot is over. @param startedAtMs by `performance.now()` */
  snapshot(isSaved: boolean, startedAtMs: number): void {
    const endedAtMs = performance.now();
    this.snapshotSeconds.observe({ outcome: isSaved ? 'saved' : 'failed' }, (endedAtMs - startedAtMs) / 1_000);
    if (isSaved) this.savedAtMs = endedAtMs;
  }

  /** Another analyzer has the lead now. */
  standsBy(): void {
    this.said.clear();
    this.savedAtMs = null;
  }

  private createAge(registry: Registry): void {
    const age: Gauge = new Gauge({
      name: 'teststrip_analyzer_snapshot_age_seconds',
      help: 'How long ago the evidence was saved: what a new start has to fold again. Absent while another analyzer has the lead.',
      registers: [registry],
      collect: () => {
        if (this.savedAtMs === null) age.remove();
        else age.set((performance.now() - this.savedAtMs) / 1_000);
      },
    });
  }

  private createProofs(registry: Registry): void {
    const lnE: Gauge<'experiment' | 'candidate' | 'metric' | 'hypothesis'> = new Gauge({
      name: 'teststrip_analysis_ln_e',
      help: 'Logarithm of the e-value of the newest analysis by experiment, candidate, metric and what it is evidence for: harmful, non-inferior or superior.',
      labelNames: ['experiment', 'candidate', 'metric', 'hypothesis'] as const,
      registers: [registry],
      collect: () => {
        lnE.reset();
        for (const { experiment, candidate, metric, values } of this.proofs())
          for (const [hypothesis, value] of Object.entries(values))
            lnE.set({ experiment, candidate, metric, hypothesis }, value);
      },
    });
  }

  private *proofs(): Iterable<{
    readonly experiment: string;
    readonly candidate: string;
    readonly metric: string;
    readonly values: Readonly<Record<string, number>>;
  }> {
    for (const [experiment, { analysis, saidAtMs }] of this.said) {
      if (performance.now() - saidAtMs > SHOWN_FOR_MS) {
        this.said.delete(experiment);
        continue;
      }
      for (const { candidate, metric, lnE } of analysis.metrics) {
        if (lnE === null) continue;
        const { harmful, nonInferior, superior } = lnE;
        const values = { harmful, 'non-inferior': nonInferior, ...(superior === undefined ? {} : { superior }) };
        yield { experiment, candidate, metric, values };
      }
    }
  }
}
