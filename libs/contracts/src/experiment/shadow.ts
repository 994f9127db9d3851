import { z } from 'zod';
import { type KnownMetric, findMetric } from './known-metric.js';
import { percentText, percentToPpm } from './ramp.js';
import { MILLION } from '../names.js';
import type { Complain } from './file-problems.js';
import type { ExperimentSpec, Guardrail, ShadowStage } from './spec.js';

/**
 * After 350 pairs an equal candidate may begin at 20 % under usual margins, and what is seen in pictures, latency or cost has been found; a tenth of
 * the requests, four at a time, costs a candidate little.
 */
const DEFAULT_SHADOW: ShadowStage = { pairs: 350, ratePpm: 100_000, concurrency: 4 };

/** The shadow stage as people write it. */
export const shadowFile = z.strictObject({
  pairs: z.int().min(1).default(DEFAULT_SHADOW.pairs).describe('Complete pairs after which the ramp begins.'),
  rate: percentText
    .default(`${DEFAULT_SHADOW.ratePpm / 10_000}%`)
    .describe('Share of control’s requests that are copied to the candidate.'),
  concurrency: z
    .int()
    .min(1)
    .default(DEFAULT_SHADOW.concurrency)
    .describe('Copies under way at a time, per router; what comes beside them is not copied.'),
  seed: z
    .string()
    .regex(
      /^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)?$/,
      'expected the name of a field of the JSON body, such as seed or parameters.seed',
    )
    .optional()
    .describe(
      'Field of the request in which the services take a seed. A request that is copied and has none gets a drawn one there, the same as its copy. Only where services draw one at random themselves: where they take a fixed one, people would get other pictures.',
    ),
});

/** What an experiment is: a ramp, perhaps after a shadow, or the shadow alone. */
export const experimentMode = z.enum(['ramp', 'shadow']);

interface Written {
  readonly kind: ExperimentSpec['kind'];
  readonly mode: z.output<typeof experimentMode>;
  readonly shadow?: z.output<typeof shadowFile> | undefined;
  readonly baseline: unknown;
  readonly objectives: readonly { readonly metric: string }[];
}

/** The shadow stage of a file, where it has one. */
export function readShadow(
  { kind, mode, shadow, baseline, objectives }: Written,
  guardrails: readonly Guardrail[],
  known: readonly KnownMetric[],
  complain: Complain,
): Pick<ExperimentSpec, 'shadow'> {
  if (shadow === undefined && mode === 'ramp') {
    refuseWithoutPairs({ guardrails, objectives }, known, complain);
    return {};
  }
  const path = [shadow === undefined ? 'mode' : 'shadow'];
  if (kind === 'ab') complain(path, 'the arms of an ab test are served from the start: a shadow takes kind: canary');
  else refuseUnpaired({ path, mode }, guardrails, known, complain);
  if (baseline !== 'control') {
    complain(
      path,
      'pairs are compared with control’s requests, and an equal baseline has none in the shadow: expected baseline: control, or no shadow',
    );
  }
  const stage = shadow === undefined ? DEFAULT_SHADOW : stageOf(shadow, complain);
  return { shadow: { ...stage, ...(mode === 'shadow' ? { only: true as const } : {}) } };
}

function stageOf({ pairs, rate, concurrency, seed }: z.output<typeof shadowFile>, complain: Complain): ShadowStage {
  const ratePpm = percentToPpm(rate);
  if (ratePpm < 1 || ratePpm > MILLION) complain(['shadow', 'rate'], 'expected at least 0.0001% and at most 100%');
  return { pairs, ratePpm, concurrency, ...(seed === undefined ? {} : { seed }) };
}

/** Nothing is ever said without a shadow of what pairs alone judge: a ramp, or a test that aims at it, would wait until its deadline. */
function refuseWithoutPairs(
  named: Readonly<Record<'guardrails' | 'objectives', readonly { readonly metric: string }[]>>,
  known: readonly KnownMetric[],
  complain: Complain,
): void {
  for (const use of ['guardrails', 'objectives'] as const) {
    for (const { metric } of named[use]) {
      if (findMetric(metric, known)?.isOfPairsAlone !== true) continue;
      complain(
        [use],
        `"${metric}" is judged by pairs of shadow traffic alone: expected "shadow: {}" in the file of a canary`,
      );
    }
  }
}

/** Nobody sees the copies, so what people do with their pictures is in no pair; a shadow alone needs everything that guards in them. */
function refuseUnpaired(
  { path, mode }: { readonly path: readonly string[]; readonly mode: Written['mode'] },
  guardrails: readonly Guardrail[],
  known: readonly KnownMetric[],
  complain: Complain,
): void {
  const unpaired = guardrails.filter(({ metric }) => findMetric(metric, known)?.isUnpaired).map(({ metric }) => metric);
  if (unpaired.length === 0) return;
  const why = `nobody sees the copies of a shadow, so its pairs say nothing of ${unpaired.join(', ')}`;
  if (unpaired.length === guardrails.length) {
    complain(path, `${why}: expected a guardrail that they do judge, such as error-rate, or no shadow`);
  } else if (mode === 'shadow') {
    complain(path, `${why}, and a shadow alone would never pass: expected a ramp after it, or other guardrails`);
  }
}
