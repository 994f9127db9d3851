import type { ExperimentSpec } from '#libs/contracts';
import { judgeAnew, type MetricChange } from '#libs/evidence';
import type { KnownExperiment, Part } from './evidence-part.js';
import { changeInWords } from './snapshots.js';

/**
 * A known revision is judged by another policy from now on. Evidence whose tests are the same goes on; what starts afresh is told.
 * @param known by key; changed in place.
 * @returns what of the evidence does not go on, for the log.
 */
export function takePolicy(
  parts: Iterable<Part>,
  known: Map<string, KnownExperiment>,
  key: string,
  changed: KnownExperiment,
): readonly string[] {
  const before = known.get(key);
  if (!before || before.design.policy >= changed.design.policy) return [];
  if (judgedBy(before) === judgedBy(changed)) {
    const design = { ...before.design, policy: changed.design.policy };
    known.set(key, { definition: changed.definition, design });
    return [];
  }
  known.set(key, changed);
  const warnings = new Set<string>();
  const tell = (change: MetricChange): void => void warnings.add(changeInWords(key, change));
  for (const part of parts) {
    const entry = part.experiments.get(key);
    if (!entry) continue;
    entry.evidence = judgeAnew(entry.evidence, changed.design, tell);
    entry.isDirty = true;
  }
  return [...warnings];
}

/** What of a policy the evidence depends on; deadlines and the like change nothing of it. */
function judgedBy({ definition: { spec } }: KnownExperiment): string {
  const { guardrails, dryRun, limits, metrics, quotients, watch }: ExperimentSpec = spec;
  return JSON.stringify([guardrails, limits, metrics, quotients, watch, dryRun]);
}
