import type { ExperimentAnalysed, Verdict } from '#libs/contracts';

/** One analysis, as much of it as a curve needs. */
export interface AnalysisPoint {
  readonly at: string;
  readonly stage: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly metrics: readonly {
    readonly metric: string;
    readonly candidate: string;
    readonly verdict: Verdict;
    readonly effect: number | null;
    readonly low: number | null;
    readonly high: number | null;
    readonly lnEHarmful: number | null;
    readonly lnENonInferior: number | null;
  }[];
}

export function compactAnalysis({ analysedAt, stage, requests, metrics }: ExperimentAnalysed): AnalysisPoint {
  return {
    at: analysedAt,
    stage,
    requests,
    metrics: metrics.map(({ metric, candidate, verdict, estimate, interval, lnE }) => ({
      metric,
      candidate,
      verdict,
      effect: estimate.effect,
      low: interval?.low ?? null,
      high: interval?.high ?? null,
      lnEHarmful: lnE?.harmful ?? null,
      lnENonInferior: lnE?.nonInferior ?? null,
    })),
  };
}
