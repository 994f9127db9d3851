import type { ExperimentSpec } from '#libs/contracts';
import { canonical } from './canonical.js';

/** Metrics whose guardrail or absolute limit is another one in `after` than in `before`, or is in only one of them. */
export function metricsJudgedOtherwise(before: ExperimentSpec, after: ExperimentSpec): readonly string[] {
  const names = [...judgedIn(before), ...judgedIn(after)];
  return [...new Set(names)].filter((name) => rulesOf(before, name) !== rulesOf(after, name)).sort();
}

function judgedIn({ guardrails, limits = [] }: ExperimentSpec): readonly string[] {
  return [...guardrails, ...limits].map(({ metric }) => metric);
}

function rulesOf({ guardrails, limits = [] }: ExperimentSpec, name: string): string {
  const guardrail = guardrails.find(({ metric }) => metric === name);
  const limit = limits.find(({ metric }) => metric === name);
  return canonical([guardrail ? { margin: guardrail.margin, rollbackOn: guardrail.rollbackOn } : null, limit ?? null]);
}
