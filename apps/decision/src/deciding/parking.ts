import type { ExperimentAnalysed } from '#libs/contracts';

/** An experiment that nothing can be decided about at present, because somebody else keeps its rows locked. */
export interface Parked {
  readonly experiment: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** The newest analysis of a parked experiment: each holds all evidence of those before it. */
export interface KeptAnalysis {
  readonly analysis: ExperimentAnalysed;
  readonly traceparent: string | undefined;
}

interface Place {
  readonly parked: Parked;
  readonly attempts: number;
  readonly nextAtMs: number;
  readonly kept?: KeptAnalysis;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

/** Experiments that are stuck, each with its own pauses between attempts: none of them is waited for. */
export class Parking {
  private readonly places = new Map<string, Place>();

  /** @returns whether it was not parked before. */
  park(experiment: string, reason: string, nowMs: number): boolean {
    const before = this.places.get(experiment);
    const attempts = (before?.attempts ?? 0) + 1;
    this.places.set(experiment, {
      ...before,
      parked: { experiment, reason, sinceMs: before?.parked.sinceMs ?? nowMs },
      attempts,
      nextAtMs: nowMs + Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS),
    });
    return before === undefined;
  }

  has(experiment: string): boolean {
    return this.places.has(experiment);
  }

  find(experiment: string): Parked | undefined {
    return this.places.get(experiment)?.parked;
  }

  all(): readonly Parked[] {
    return [...this.places.values()].map(({ parked }) => parked);
  }

  /** Keeps an analysis until the experiment can be decided about. */
  keep(experiment: string, kept: KeptAnalysis): void {
    const place = this.places.get(experiment);
    if (place) this.places.set(experiment, { ...place, kept });
  }

  kept(experiment: string): KeptAnalysis | undefined {
    return this.places.get(experiment)?.kept;
  }

  /** Those to be tried again now. */
  due(nowMs: number): readonly string[] {
    return [...this.places].flatMap(([experiment, { nextAtMs }]) => (nextAtMs <= nowMs ? [experiment] : []));
  }

  /** It can be decided about again. @returns the analysis that waited for it. */
  release(experiment: string): KeptAnalysis | undefined {
    const kept = this.kept(experiment);
    this.places.delete(experiment);
    return kept;
  }
}
