import { canonicalJson, type ExperimentSpec } from '#libs/contracts';

/**
 * Metrics whose guardrail, dry run or absolute limit is another one in `after` than in `before`, or is in only one of them, or which the file defines
 * otherwise: the same margin of another number is another rule, and what was only tried has been looked at.
 */
export function metricsJudgedOtherwise(before: ExperimentSpec, after: ExperimentSpec): readonly string[] {
  const names = [...judgedIn(before), ...judgedIn(after)];
  return [...new Set(names)].filter((name) => rulesOf(before, name) !== rulesOf(after, name)).sort();
}

function judgedIn({ guardrails, dryRun = [], limits = [] }: ExperimentSpec): readonly string[] {
  return [...guardrails, ...dryRun, ...limits].map(({ metric }) => metric);
}

function rulesOf(spec: ExperimentSpec, name: string): string {
  const { guardrails, dryRun = [], limits = [] } = spec;
  const [guardrail, tried] = [guardrails, dryRun].map((list) => list.find(({ metric }) => metric === name));
  const limit = limits.find(({ metric }) => metric === name);
  return canonicalJson([
    guardrail ? { margin: guardrail.margin, rollbackOn: guardrail.rollbackOn } : null,
    ...(tried ? [{ margin: tried.margin, rollbackOn: tried.rollbackOn }] : []),
    limit ?? null,
    definitionsOf(spec, name),
  ]);
}

/** What the file itself says of how a metric is measured. The margin there is that of guardrails which name none, and is in those. */
function definitionsOf(spec: ExperimentSpec, name: string): readonly unknown[] {
  const names = restsOn(spec, [name]);
  const metrics = (spec.metrics ?? []).filter((own) => names.has(own.name));
  const quotients = (spec.quotients ?? []).filter((own) => names.has(own.name));
  const measured = metrics.map(({ margin: _margin, ...metric }) => canonicalJson([metric])).toSorted();
  return [...measured, ...quotients.map((quotient) => canonicalJson([quotient])).toSorted()];
}

/** The names themselves, and the metrics of which those that are quotients consist. */
export function restsOn({ quotients = [] }: Pick<ExperimentSpec, 'quotients'>, names: readonly string[]): Set<string> {
  const found = new Set(names);
  for (const { name, of, per } of quotients) if (found.has(name)) found.add(of).add(per);
  return found;
}
