import type { AbsoluteLimit, ExperimentSpec } from '#libs/contracts';
import { type MetricDefinition, metricLimit, takesLimit } from '#libs/evidence';
import { hoursFor, type LimitAnswer, type LimitedValues, unitsWithinLimit } from '#libs/planning';
import { lnNormalUpperTail, normalQuantile } from '#libs/statistics';
import { type AssumedControl, howToAssume } from './baseline.js';

/** What it takes to prove a candidate like control within an absolute limit: without that proof the last step is not taken. */
export interface LimitPlan extends AbsoluteLimit {
  readonly isRate: boolean;
  /** Of the value, as the catalogue names it. */
  readonly unit: string;
  /** What would have to be passed; null where enough is known. */
  readonly needs: string | null;
  /** In units of the candidate; null where too little is known. */
  readonly proven: LimitAnswer | null;
  /** Requests of both variants at the planned share, and hours. */
  readonly requests: number | null;
  readonly hours: number | null;
}

export interface LimitTraffic {
  readonly share: number;
  readonly requestsPerHour: number;
  readonly power: number;
  readonly seed: number;
  readonly runs?: number;
}

/** @param baseline what is supposed of control; undefined: nothing. */
export function planLimit(
  limit: AbsoluteLimit,
  definition: MetricDefinition,
  baseline: AssumedControl | undefined,
  { spec, ...traffic }: LimitTraffic & { readonly spec: ExperimentSpec },
): LimitPlan {
  const said = { ...limit, isRate: definition.kind === 'rate', unit: definition.unit };
  const values = baseline && takesLimit(definition) ? valuesOf(limit, definition, baseline) : null;
  if (values === null) {
    const needs = neededFor(definition);
    return { ...said, needs, proven: null, requests: null, hours: null };
  }
  const { share, requestsPerHour, power, seed, runs } = traffic;
  const { bets } = metricLimit(definition, limit);
  const simulated = { alpha: spec.alpha, power, seed, ...(runs === undefined ? {} : { runs }) };
  const proven = unitsWithinLimit({ values, limit: bets, ...simulated });
  const requests = proven.missing === null ? proven.units / share : null;
  const hours = requests === null ? null : hoursFor(requests, requestsPerHour);
  return { ...said, needs: null, proven, requests, hours };
}

function neededFor({ name, kind }: MetricDefinition): string {
  if (kind === 'upper-tail') return `pass --assume ${name}=<quantile>±<standard deviation of ln>`;
  const needs = howToAssume(name, kind);
  return needs === null ? 'not planned' : `pass ${needs}`;
}

/** One variant's values as they are held against the limit; null where the baseline says too little. */
function valuesOf(limit: AbsoluteLimit, definition: MetricDefinition, baseline: AssumedControl): LimitedValues | null {
  const { valueOf } = metricLimit(definition, limit);
  switch (baseline.kind) {
    case 'rate':
      return { kind: 'events', share: baseline.rate, event: valueOf(1, 1), other: valueOf(0, 1) };
    case 'mean':
      return baseline.isRelative ? null : { kind: 'normal', mean: valueOf(baseline.mean, 1), spread: baseline.spread };
    case 'tail':
      if (baseline.quantile === null || definition.kind !== 'upper-tail') return null;
      return {
        kind: 'events',
        share: shareBeyond(limit, definition.level, baseline.quantile, baseline.lnSpread),
        event: 1,
        other: 0,
      };
    default:
      return baseline satisfies never;
  }
}

/** Of lognormal values with that quantile at `level`. */
function shareBeyond({ kind, value }: AbsoluteLimit, level: number, quantile: number, lnSpread: number): number {
  const above = Math.exp(lnNormalUpperTail(normalQuantile(level) + Math.log(value / quantile) / lnSpread));
  return kind === 'at-most' ? above : 1 - above;
}
