import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import {
  AUTO_LADDER_PPM,
  audienceRule,
  variant,
  type ExperimentSpec,
  type Margin,
  type OwnMetric,
  type Ramp,
  type RampStage,
} from './spec.js';
import { closest } from './closest.js';
import { marginText, parseMargin } from './margin-text.js';
import { type Complain, ownMetricFile, readOwnMetrics } from './own-metrics.js';
import { MILLION, slug } from '../names.js';

const percent = z.string().regex(/^\d+(?:\.\d+)?\s*%$/, 'expected a percentage such as "5%"');
const duration = z
  .string()
  .regex(/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/, 'expected a duration such as "500ms", "10m" or "24h"');

/** The experiment as people write it (YAML or JSON). `z.toJSONSchema` of it is the schema for editors. */
export const experimentFile = z.strictObject({
  apiVersion: z.literal('teststrip/v1'),
  key: slug,
  service: slug,
  kind: z.enum(['canary', 'ab']),
  unit: z.enum(['user', 'session', 'request']).default('user'),
  control: slug.default('control').describe('Which variant is control.'),
  variants: z.record(slug, variant),
  audience: z.array(audienceRule).default([]),
  ramp: z
    .union([
      z.literal('auto'),
      z.strictObject({ auto: z.strictObject({ from: percent }) }),
      z
        .array(
          z.strictObject({
            weight: percent,
            atLeast: duration.optional(),
            atLeastUnits: z.int().min(0).optional(),
            approval: z.enum(['required', 'none']).optional(),
          }),
        )
        .min(1),
    ])
    .default('auto'),
  guardrails: z
    .array(
      z.strictObject({
        metric: z.string().min(1),
        margin: marginText.optional().describe('May be left out where the metric of the experiment’s own has one.'),
        rollbackOn: z.enum(['beyond-margin', 'any-harm']).default('beyond-margin'),
      }),
    )
    .default([]),
  objectives: z
    .array(z.strictObject({ metric: z.string().min(1), weight: z.number().positive().default(1) }))
    .default([])
    .describe('What an ab test is for. Weights say what a gain of the same percentage is worth beside the others.'),
  rope: percent
    .default('1%')
    .describe(
      'Region of practical equivalence: smaller differences in utility, as a share of control, matter to nobody.',
    ),
  metrics: z
    .array(ownMetricFile)
    .default([])
    .describe('Metrics of the experiment’s own, over any field of the events.'),
  watch: z.array(z.string().min(1)).default([]).describe('Metrics to test and warn about without letting them decide.'),
  onInconclusive: z.enum(['rollback', 'hold']).default('rollback'),
  onLostController: z.enum(['control', 'hold']).default('control'),
  lostControllerAfter: duration.default('30s'),
  holdAtMost: duration.default('30m'),
  deadline: duration.default('24h'),
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  baselineUnits: z.int().min(20).default(200),
});
export type ExperimentFile = z.input<typeof experimentFile>;

/** What is wrong with an experiment file: where, what was found, what was expected. */
export interface ExperimentFileProblem {
  readonly file: string;
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

export { parseMargin };

export class ExperimentFileError extends Error {
  override readonly name = 'ExperimentFileError';
  constructor(readonly problems: readonly ExperimentFileProblem[]) {
    super(
      problems.map(({ file, line, path, message }) => `${file}:${line}: ${path || '(root)'}: ${message}`).join('\n'),
    );
  }
}

/**
 * Reads an experiment from YAML or JSON text.
 * @param knownMetrics names that guardrails, objectives and `watch` may use, beside the file's own metrics: `quality.*` stands for every name with that
 *   beginning, `diversity (watch)` for one that may be watched and nothing else, `download-rate (relative)` for one whose margin must be
 *   a percentage. A misspelt metric is an error here, not a silent pass later.
 * @throws ExperimentFileError with file, line and expectation of every problem found.
 */
export function parseExperimentFile(text: string, file: string, knownMetrics: readonly string[]): ExperimentSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw new ExperimentFileError(
      document.errors.map((error) => ({
        file,
        line: lines.linePos(error.pos[0]).line,
        path: '',
        message: error.message.split('\n')[0] ?? error.message,
      })),
    );
  }
  return parseExperiment(document.toJS(), knownMetrics, (path) => ({ file, line: lineOf(document, lines, path) }));
}

/** The same for an already decoded value (an HTTP body). `where` locates a path; the default says `(request)` line 0. */
export function parseExperiment(
  value: unknown,
  knownMetrics: readonly string[],
  where: (path: readonly PropertyKey[]) => { file: string; line: number } = () => ({ file: '(request)', line: 0 }),
): ExperimentSpec {
  const parsed = experimentFile.safeParse(value);
  if (!parsed.success) {
    throw new ExperimentFileError(
      parsed.error.issues.map((issue) => ({
        ...where(issue.path),
        path: issue.path.join('.'),
        message: issue.message,
      })),
    );
  }
  const file = parsed.data;
  const problems: ExperimentFileProblem[] = [];
  const complain = (path: readonly PropertyKey[], message: string): void => {
    problems.push({ ...where(path), path: path.join('.'), message });
  };
  checkVariants(file, complain);
  const own = readOwnMetrics(file.metrics, knownMetrics, complain);
  checkMetrics(file, knownMetrics, own, complain);
  const ramp = toRamp(file.ramp, complain);
  if (problems.length > 0) throw new ExperimentFileError(problems);
  return {
    key: file.key,
    service: file.service,
    kind: file.kind,
    unit: file.unit,
    control: file.control,
    variants: file.variants,
    audience: file.audience,
    ramp,
    guardrails: file.guardrails.map(({ metric, margin, rollbackOn }) => ({
      metric,
      margin: marginOf(metric, margin, own) as Margin,
      rollbackOn,
    })),
    objectives: file.objectives,
    rope: percentToPpm(file.rope) / MILLION,
    ...(own.length > 0 ? { metrics: [...own] } : {}),
    ...(file.watch.length > 0 ? { watch: file.watch } : {}),
    onInconclusive: file.onInconclusive,
    onLostController: file.onLostController,
    lostControllerAfterMs: parseDurationMs(file.lostControllerAfter),
    holdAtMostMs: parseDurationMs(file.holdAtMost),
    deadlineMs: parseDurationMs(file.deadline),
    alpha: file.alpha,
    baselineUnits: file.baselineUnits,
  };
}

/** "10m" → 600 000. */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (!match) throw new RangeError(`duration "${text}": expected a number with ms, s, m, h or d`);
  const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms' | 's' | 'm' | 'h' | 'd'];
  return Math.round(Number(match[1]) * unitMs);
}

function checkVariants(file: z.output<typeof experimentFile>, complain: Complain): void {
  const names = Object.keys(file.variants);
  if (!names.includes(file.control)) {
    complain(['variants'], `control is "${file.control}", but there is no such variant; found: ${names.join(', ')}`);
  }
  if (names.length < 2) complain(['variants'], `expected control and at least one candidate, found ${names.length}`);
  if (file.kind === 'canary' && names.length > 2) {
    complain(['variants'], `a canary has one candidate, found ${names.length - 1}; use kind: ab for more`);
  }
}

const WATCH_ONLY = ' (watch)';
const RELATIVE_ONLY = ' (relative)';

function checkMetrics(
  file: z.output<typeof experimentFile>,
  known: readonly string[],
  own: readonly OwnMetric[],
  complain: Complain,
): void {
  const [watched, relative] = [withSuffix(known, WATCH_ONLY), withSuffix(known, RELATIVE_ONLY)];
  const usual = known.filter((name) => !name.endsWith(WATCH_ONLY) && !name.endsWith(RELATIVE_ONLY));
  const deciding = [...usual, ...relative, ...own.map(({ name }) => name)];
  const check = (metric: string, names: readonly string[], path: readonly PropertyKey[]): void => {
    if (isKnown(metric, names)) return;
    if (watched.includes(metric)) {
      complain(path, `metric "${metric}" can only be watched: it warns, but proves nothing; move it to "watch"`);
      return;
    }
    const [nearest] = closest(metric, names, 1);
    const hint = nearest === undefined ? '' : `; nearest: ${nearest}`;
    complain(path, `unknown metric "${metric}"; expected one of: ${names.join(', ')}${hint}`);
  };
  const seen = new Set<string>();
  file.guardrails.forEach(({ metric, margin }, index) => {
    check(metric, deciding, ['guardrails', index, 'metric']);
    if (seen.has(metric)) complain(['guardrails', index, 'metric'], `metric "${metric}" is guarded twice`);
    seen.add(metric);
    const allowed = marginOf(metric, margin, own);
    if (allowed === null) {
      complain(['guardrails', index], `the guardrail on "${metric}" has no margin: expected for example margin: +5%`);
    } else if (allowed.value === 0) {
      complain(
        ['guardrails', index, 'margin'],
        'a margin of 0 can never be proven; use rollbackOn: any-harm with a margin > 0',
      );
    } else if (allowed.kind === 'absolute' && relative.includes(metric)) {
      complain(
        ['guardrails', index, 'margin'],
        `"${metric}" is judged by the ratio of both variants' shares: expected a percentage of control's, for example -5%, not "${margin}"`,
      );
    }
  });
  file.objectives.forEach(({ metric }, index) => check(metric, deciding, ['objectives', index, 'metric']));
  file.watch.forEach((metric, index) => check(metric, [...deciding, ...watched], ['watch', index]));
  if (file.kind === 'canary' && file.guardrails.length === 0) {
    complain(['guardrails'], 'a canary without guardrails would promote anything: expected at least one');
  }
  if (file.kind === 'ab' && file.objectives.length === 0) {
    complain(['objectives'], 'an ab test needs at least one objective');
  }
}

function withSuffix(known: readonly string[], suffix: string): string[] {
  return known.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
}

/** `quality.*` knows every name that begins with `quality.` and goes on. */
function isKnown(metric: string, names: readonly string[]): boolean {
  return names.some((name) =>
    name.endsWith('.*') ? metric.startsWith(name.slice(0, -1)) && metric.length >= name.length : name === metric,
  );
}

function marginOf(metric: string, written: string | undefined, own: readonly OwnMetric[]): Margin | null {
  if (written !== undefined) return parseMargin(written);
  return own.find(({ name }) => name === metric)?.margin ?? null;
}

function toRamp(written: z.output<typeof experimentFile>['ramp'], complain: Complain): Ramp {
  if (written === 'auto') return autoRamp(AUTO_LADDER_PPM[0] as number);
  if (!Array.isArray(written)) {
    const fromPpm = percentToPpm(written.auto.from);
    if (fromPpm < 1 || fromPpm > MILLION) complain(['ramp', 'auto', 'from'], 'expected more than 0% and at most 100%');
    return autoRamp(fromPpm);
  }
  const stages: RampStage[] = written.map((stage) => ({
    weightPpm: percentToPpm(stage.weight),
    atLeastMs: stage.atLeast === undefined ? 0 : parseDurationMs(stage.atLeast),
    atLeastUnits: stage.atLeastUnits ?? 0,
    approval: stage.approval ?? 'none',
  }));
  stages.forEach((stage, index) => {
    const before = stages[index - 1]?.weightPpm ?? 0;
    if (stage.weightPpm <= before || stage.weightPpm > MILLION) {
      complain(['ramp', index, 'weight'], 'weights must rise from stage to stage, above 0% and up to 100%');
    }
  });
  if (stages.at(-1)?.weightPpm !== MILLION) complain(['ramp'], 'the last stage must be 100%: it is the promotion');
  return { kind: 'explicit', stages };
}

function autoRamp(fromPpm: number): Ramp {
  const rungs = [fromPpm, ...AUTO_LADDER_PPM.filter((rung) => rung > fromPpm)];
  return {
    kind: 'auto',
    stages: rungs.map((weightPpm) => ({ weightPpm, atLeastMs: 0, atLeastUnits: 0, approval: 'none' })),
  };
}

function percentToPpm(text: string): number {
  return Math.round(Number.parseFloat(text) * 10_000);
}

/** Line (1-based) of the deepest node of `path` that exists. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step);
      if (!pair) break;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = rangeStart(node) ?? offset;
    } else break;
  }
  return lines.linePos(offset).line;
}

function rangeStart(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null)?.range?.[0];
}
