import { z } from 'zod';
import type { Complain } from './file-problems.js';
import { checkMetricName, findMetric, type KnownMetric } from './known-metric.js';
import { limitText, readLimitOf } from './limit.js';
import { marginText, readMargin } from './margin.js';
import type { ReadOwnMetric } from './own-metrics.js';
import type { AbsoluteLimit, ExperimentSpec, Guardrail } from './spec.js';

/** Weights beyond this leave the others nothing of an α that is shared. */
export const LARGEST_WEIGHT = 1_000_000;

const guardrailFile = z.strictObject({
  metric: z.string().min(1),
  margin: marginText.optional().describe('May be left out where the metric of the experiment’s own has one.'),
  atMost: limitText
    .optional()
    .describe('What the candidate may be at all, where lower is better: 5%, 2s. Beside a margin or alone.'),
  atLeast: limitText.optional().describe('The same where higher is better.'),
  rollbackOn: z.enum(['beyond-margin', 'any-harm']).default('beyond-margin'),
  weight: z
    .number()
    .positive()
    .max(LARGEST_WEIGHT)
    .optional()
    .describe('What it gets of an alpha that is shared per experiment; default 1.'),
  dryRun: z
    .boolean()
    .optional()
    .describe(
      'Judged and shown like any other, and nothing follows from it: nothing is rolled back, held or promoted by it.',
    ),
  off: z
    .literal(true)
    .optional()
    .describe('Turns a guardrail off that every canary has, such as delivery-rate; nothing else may be said of it.'),
});

const EXPECTED = 'expected "standard", or a list such as [standard, { metric: rating, margin: -0.1 }]';

/** The guardrails as people write them. */
export const guardrailsFile = z
  .union([z.literal('standard'), z.array(z.union([z.literal('standard'), guardrailFile], EXPECTED))], EXPECTED)
  .describe(
    '`standard` stands for a good set with its usual margins; one that is written beside it takes the place of its own.',
  );

/** What `standard` stands for: requests that fail, slowness, pictures that are worse on average, or wrong once in a while, and what they cost. */
const STANDARD: readonly (readonly [metric: string, margin: string])[] = [
  ['error-rate', '+0.5pp'],
  ['latency-p95', '+10%'],
  ['alignment', '-1%'],
  ['wrong-pictures', '+50%'],
  ['cost-per-image', '+5%'],
];

/** A guardrail of the file, and where it stands. */
export type WrittenGuardrail = z.output<typeof guardrailFile> & { readonly path: readonly PropertyKey[] };

/** The list of guardrails in full: those of `standard` that the file doesn't write itself among them. */
export function writtenGuardrails(written: z.output<typeof guardrailsFile>): readonly WrittenGuardrail[] {
  const items = written === 'standard' ? [written] : written;
  const own = new Set(items.flatMap((item) => (item === 'standard' ? [] : [item.metric])));
  return items.flatMap((item, index): readonly WrittenGuardrail[] => {
    const path = written === 'standard' ? ['guardrails'] : ['guardrails', index];
    if (item !== 'standard') return [{ ...item, path }];
    return STANDARD.flatMap(([metric, margin]) =>
      own.has(metric) ? [] : [{ metric, margin, rollbackOn: 'beyond-margin' as const, path }],
    );
  });
}

/** The guardrails with their margins as numbers; those without a meaning are left out after a complaint. */
export function readGuardrails(
  written: readonly WrittenGuardrail[],
  known: readonly KnownMetric[],
  own: readonly ReadOwnMetric[],
  complain: Complain,
): Guardrail[] {
  const seen = new Set<string>();
  return written.flatMap(({ metric, margin: text, atMost, atLeast, rollbackOn, weight, path: at }) => {
    const hasLimit = atMost !== undefined || atLeast !== undefined;
    const rest = { rollbackOn, ...(weight === undefined ? {} : { weight }) };
    const path = [...at, 'metric'];
    checkMetricName(metric, { path, mayOnlyWarn: false }, known, complain);
    if (seen.has(metric)) complain(path, `metric "${metric}" is guarded twice`);
    seen.add(metric);
    const facts = findMetric(metric, known);
    if (!facts) return [];
    if (text === undefined) {
      const margin =
        own.find((candidate) => candidate.known.name === metric)?.metric.margin ?? facts.guardsCanaries ?? null;
      if (margin !== null) return [{ metric, margin, ...rest }];
      if (hasLimit) return [];
      complain(at, `the guardrail on "${metric}" has no margin: expected for example margin: +5%`);
      return [];
    }
    const { margin, fault } = readMargin(text, facts);
    if (fault === undefined) return [{ metric, margin, ...rest }];
    complain([...at, 'margin'], fault);
    return [];
  });
}

/** Guardrails that decide, as they are written and as they are read, and those that are on trial. */
export interface GuardrailsApart {
  readonly written: readonly WrittenGuardrail[];
  readonly guardrails: Guardrail[];
  readonly dryRun: Guardrail[];
}

/** Parts what decides from what is only tried. */
export function apart(all: readonly WrittenGuardrail[], read: readonly Guardrail[]): GuardrailsApart {
  const tried = new Set(all.flatMap(({ metric, dryRun }) => (dryRun === true ? [metric] : [])));
  return {
    written: all.filter(({ metric }) => !tried.has(metric)),
    guardrails: read.filter(({ metric }) => !tried.has(metric)),
    dryRun: read.filter(({ metric }) => tried.has(metric)),
  };
}

/** What decides by other means, or has a share of an α, is on no trial. */
export function checkDryRuns(
  written: readonly WrittenGuardrail[],
  {
    kind,
    objectives,
  }: { readonly kind: ExperimentSpec['kind']; readonly objectives: readonly { readonly metric: string }[] },
  known: readonly KnownMetric[],
  complain: Complain,
): void {
  for (const { metric, path, dryRun, ...rest } of written) {
    if (dryRun !== true) continue;
    const inTheWay = (['atMost', 'atLeast', 'weight'] as const).find((key) => rest[key] !== undefined);
    if (inTheWay !== undefined) {
      complain([...path, inTheWay], `decides, and a dry run decides nothing: expected a margin alone beside dryRun`);
    }
    if (objectives.some((objective) => objective.metric === metric)) {
      complain([...path, 'dryRun'], `"${metric}" is an objective, which decides: expected one of the two`);
    }
    if (kind === 'canary' && findMetric(metric, known)?.guardsCanaries !== undefined) {
      complain(
        [...path, 'dryRun'],
        `"${metric}" guards every canary, and a dry run in its place would leave that out: expected it without dryRun`,
      );
    }
  }
}

/** Absolute limits of the guardrails; those without a meaning are left out after a complaint. */
export function readLimits(
  written: readonly WrittenGuardrail[],
  known: readonly KnownMetric[],
  complain: Complain,
): AbsoluteLimit[] {
  return written.flatMap(({ metric, path, ...limits }) => {
    const facts = findMetric(metric, known);
    if (!facts) return [];
    const { limit, fault } = readLimitOf(limits, { ...facts, name: metric });
    if (fault !== undefined) complain([...path, fault.key], fault.message);
    return limit ? [limit] : [];
  });
}
