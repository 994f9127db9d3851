import { z } from 'zod';
import { MILLION, slug } from '../names.js';
import { unstorableIn } from '../storable.js';
import { audienceRuleFile, readAudience } from './audience.js';
import { candidatesOf } from './candidates.js';
import { readWindows, windowsFile } from './time-windows.js';
import { guardedByDefault, withoutTurnedOff } from './default-guardrails.js';
import { episodesText, readEpisodes } from './episodes.js';
import { durationInWords, durationOfAtLeast, parseDurationMs } from './duration.js';
import { ExperimentFileError, MOST_PROBLEMS, type Complain, type ExperimentFileProblem } from './file-problems.js';
import { checkMetricName, type KnownMetric } from './known-metric.js';
import {
  apart,
  checkDryRuns,
  guardrailsFile,
  LARGEST_WEIGHT,
  readGuardrails,
  readLimits,
  type WrittenGuardrail,
  writtenGuardrails,
} from './guardrails.js';
import { readRoute, routeText } from './public-route.js';
import { ownMetricFile, readOwnMetrics } from './own-metrics.js';
import { quotientFile, readQuotients } from './quotients.js';
import { bakeFile, withBake } from './bake.js';
import { percentText, percentToPpm, rampFile, readRamp } from './ramp.js';
import { schemaProblems } from './schema-problems.js';
import { experimentMode, readShadow, shadowFile } from './shadow.js';
import {
  DEFAULT_WARM_UP,
  experimentSpec,
  configTooLarge,
  variantConfig,
  featureParameters,
  NOT_ASKED,
  WHOLE_SERVICE,
  type ExperimentSpec,
  type Guardrail,
  type Ramp,
  type VariantSpec,
} from './spec.js';
import { readWarmUp, warmUpFile } from './warm-up.js';
import { readYaml, type FilePlace, type YamlDocument } from './yaml-document.js';

const SMALLEST_ALPHA = 1e-9;
const alphaLevel = z.number().gte(SMALLEST_ALPHA).lt(0.5);

const upstreamText = z
  .string()
  .refine(isHttpUrl, 'expected a URL with http:// or https:// and a host, such as "http://127.0.0.1:8000"')
  .describe('Where the router sends requests: http:// or https://.');

const variantFile = z.strictObject({
  upstream: upstreamText.optional(),
  config: variantConfig
    .optional()
    .describe('The model’s configuration, which identifies the variant; beside parameters it may be left out.'),
  parameters: featureParameters
    .optional()
    .describe('Instead of an upstream: what an application is told as the value of the service’s flag.'),
});
type VariantFile = z.output<typeof variantFile>;

/** The experiment as people write it (YAML or JSON). `z.toJSONSchema` of it is the schema for editors. */
export const experimentFile = z.strictObject({
  apiVersion: z.literal('teststrip/v1'),
  key: slug,
  service: slug,
  route: routeText
    .optional()
    .describe(
      'Where clients ask for the service: a path such as /v1/images, or { host: images.example.com, path: / }. Default: as it is.',
    ),
  slot: slug
    .optional()
    .describe('The slot of the service that it uses; a service that is divided into slots needs it, no other has one.'),
  kind: z.enum(['canary', 'ab']),
  unit: z.enum(['user', 'session', 'request']).default('user'),
  control: slug.default('control').describe('Which variant is control.'),
  variants: z.record(slug, variantFile),
  baseline: z
    .union([z.enum(['control', 'equal']), z.strictObject({ upstream: upstreamText })], {
      error: 'expected control, equal, or { upstream: "http://…" }',
    })
    .default('control')
    .describe(
      'What a canary’s candidate is compared with: control, or an equal arm named baseline that runs control’s configuration at the candidate’s share.',
    ),
  audience: z.array(audienceRuleFile).default([]).describe('Rules that a unit’s attributes have to match, every one.'),
  mode: experimentMode
    .default('ramp')
    .describe(
      'shadow: the verdict of the shadow’s pairs ends the experiment, and nobody is ever served by the candidate.',
    ),
  shadow: shadowFile
    .optional()
    .describe(
      'Before the ramp: copies of control’s requests, with the same prompt and seed, go to the candidate, whose answers nobody sees, until so many pairs are judged.',
    ),
  ramp: rampFile.default('auto'),
  bake: bakeFile
    .optional()
    .describe(
      'After everything is proven and before control is given up: how long a slice (1% unless it says otherwise) stays with control and is compared with the rest.',
    ),
  freeze: windowsFile
    .default([])
    .describe('When no share rises by itself, and nobody wins; harm is rolled back at any time.'),
  schedule: windowsFile
    .default([])
    .describe('When alone a share rises by itself, and somebody wins; harm is rolled back at any time.'),
  guardrails: guardrailsFile.default([]),
  objectives: z
    .array(z.strictObject({ metric: z.string().min(1), weight: z.number().positive().max(LARGEST_WEIGHT).default(1) }))
    .default([])
    .describe('What an ab test is for. Weights say what a gain of the same percentage is worth beside the others.'),
  rope: percentText
    .refine((text) => percentToPpm(text) <= MILLION, 'expected at most 100%')
    .default('1%')
    .describe(
      'Region of practical equivalence: smaller differences in utility, as a share of control, matter to nobody.',
    ),
  metrics: z
    .array(ownMetricFile)
    .default([])
    .describe('Metrics of the experiment’s own, over any field of the events.'),
  quotients: z
    .array(quotientFile)
    .default([])
    .describe('Quotients of two metrics per unit, which may come from different topics.'),
  watch: z.array(z.string().min(1)).default([]).describe('Metrics to test and warn about without letting them decide.'),
  onInconclusive: z.enum(['rollback', 'hold']).default('rollback'),
  onBrokenControl: z
    .enum(['hold', 'rollback', 'promote'])
    .optional()
    .describe('What becomes of the traffic when there is no verdict while control itself is broken. Default: hold.'),
  onLostController: z.enum(['control', 'hold']).default('control'),
  lostControllerAfter: durationOfAtLeast('100ms').default('30s'),
  holdAtMost: durationOfAtLeast('1ms').optional().describe('Default: 30m.'),
  deadline: durationOfAtLeast('1ms').default('24h'),
  alpha: z
    .union([alphaLevel, z.strictObject({ level: alphaLevel, per: z.enum(['guardrail', 'experiment']) })], {
      error: 'expected a number such as 0.05, or { level: 0.05, per: experiment }',
    })
    .default(0.05)
    .describe('Probability of a false alarm per guardrail; { level: 0.05, per: experiment } shares it between them.'),
  baselineUnits: z.int().min(20).default(200),
  warmUp: warmUpFile
    .default({ requests: DEFAULT_WARM_UP.requests, for: durationInWords(DEFAULT_WARM_UP.forMs) })
    .describe(
      'Latency is not judged by the first requests of a variant or instance after a start or a long silence: so many, or for so long, whichever is over first; off: by all.',
    ),
  episodes: episodesText
    .default('fifth')
    .describe(
      'How much is left out of the test of harm after a bad event of the smaller variant: a fifth of the data, nothing (off), or all for a time such as 10s.',
    ),
});
export type ExperimentFile = z.input<typeof experimentFile>;
type ParsedFile = z.output<typeof experimentFile>;

/** Where a path of a file stands. */
type Where = (path: readonly PropertyKey[]) => FilePlace & { readonly file: string };

/**
 * Reads an experiment from YAML or JSON text.
 * @param knownMetrics what guardrails, objectives and `watch` may name, beside the file's own metrics.
 * @throws ExperimentFileError with file, line and expectation of every problem found.
 */
export function parseExperimentFile(text: string, file: string, knownMetrics: readonly KnownMetric[]): ExperimentSpec {
  return parseWrittenExperiment(text, file, knownMetrics).spec;
}

/** The same, with the plain value that the text writes, for whoever compares what is written, and where it stands in the text. */
export function parseWrittenExperiment(
  text: string,
  file: string,
  knownMetrics: readonly KnownMetric[],
): { readonly spec: ExperimentSpec; readonly written: unknown; readonly placeOf: YamlDocument['placeOf'] } {
  const document = readYaml(text);
  if ('faults' in document) {
    throw new ExperimentFileError(document.faults.map((fault) => ({ file, path: '', ...fault })));
  }
  const { value: written, placeOf } = document;
  const spec = parseExperiment(written, knownMetrics, (path) => ({ file, ...placeOf(path) }));
  return { spec, written, placeOf };
}

/** The same for an already decoded value (an HTTP body). `where` locates a path; the default says `(request)` line 0. */
export function parseExperiment(
  value: unknown,
  knownMetrics: readonly KnownMetric[],
  where: Where = () => ({ file: '(request)', line: 0, column: 0 }),
): ExperimentSpec {
  const problems: ExperimentFileProblem[] = [];
  let untold = 0;
  const complain: Complain = (path, message) => {
    if (problems.length >= MOST_PROBLEMS) untold += 1;
    else problems.push({ ...where(path), path: path.join('.'), message });
  };
  const file = conform(value, complain);
  const spec = file && readFile(file, knownMetrics, complain);
  if (!spec || problems.length > 0) throw new ExperimentFileError(problems, untold);
  // What follows is told to everybody else in events: nothing may leave that their schema refuses.
  const checked = experimentSpec.safeParse(spec);
  if (checked.success) return spec;
  for (const { path, message } of checked.error.issues) complain(pathInFile(path), message);
  throw new ExperimentFileError(problems, untold);
}

/** The file as its schema reads it; undefined after complaints. */
function conform(value: unknown, complain: Complain): ParsedFile | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    complain([], 'expected an experiment: a mapping that begins with apiVersion: teststrip/v1');
    return undefined;
  }
  const unstorable = unstorableIn(value);
  if (unstorable) complain(unstorable.path, unstorable.message);
  const parsed = experimentFile.safeParse(value);
  if (!parsed.success) {
    for (const { path, message } of schemaProblems(parsed.error, experimentFile, MOST_PROBLEMS)) {
      if (path.join('.') !== unstorable?.path.join('.')) complain(path, message);
    }
  }
  return parsed.data;
}

function readFile(file: ParsedFile, knownMetrics: readonly KnownMetric[], complain: Complain): ExperimentSpec {
  const isFeature = hasParameters(file);
  checkVariants(file, isFeature, complain);
  const audience = readAudience(file.audience, complain);
  const own = readOwnMetrics(file.metrics, knownMetrics, complain);
  const parts = [...knownMetrics, ...own.map((metric) => metric.known)];
  const quotients = readQuotients(file.quotients, parts, complain);
  const known = [...parts, ...quotients.known];
  checkMetrics(file, known, complain);
  const all = writtenGuardrails(file.guardrails);
  const judged = withoutTurnedOff(file.kind, all, known, complain);
  checkDryRuns(judged, file, known, complain);
  const { written, guardrails, dryRun } = apart(judged, readGuardrails(judged, known, own, complain));
  const limits = readLimits(written, known, complain);
  checkWeights(file, written, complain);
  checkBaseline(file, complain);
  const candidates = candidatesOf({ variants: file.variants, control: file.control }).length;
  const ramp = withBake(readRamp(file.ramp, candidates, complain), file, complain);
  checkTimes(file, ramp.stages, complain);
  checkJudgements(file, ramp, complain);
  checkWindows(file, complain);
  checkWayUp(file, { written, guardrails, ramp }, complain);
  // Of a feature no request is seen that could get a picture.
  const guarding = [...guardrails, ...(isFeature ? [] : guardedByDefault(file, all, known))];
  const shadow = readShadow(file, guarding, known, complain);
  const deadlineMs = parseDurationMs(file.deadline);
  return {
    key: file.key,
    service: file.service,
    ...(file.route === undefined ? {} : { route: readRoute(file.route) }),
    ...(file.slot === undefined || file.slot === WHOLE_SERVICE ? {} : { slot: file.slot }),
    kind: file.kind,
    unit: file.unit,
    control: file.control,
    ...withBaseline(file),
    audience: [...audience],
    ramp,
    ...readWindows('freeze', file.freeze, complain),
    ...readWindows('schedule', file.schedule, complain),
    ...shadow,
    guardrails: guarding,
    ...(dryRun.length > 0 ? { dryRun } : {}),
    objectives: file.objectives,
    rope: percentToPpm(file.rope) / MILLION,
    ...(own.length > 0 ? { metrics: own.map(({ metric }) => metric) } : {}),
    ...(file.quotients.length > 0 ? { quotients: [...quotients.quotients] } : {}),
    ...(limits.length > 0 ? { limits } : {}),
    ...(file.watch.length > 0 ? { watch: file.watch } : {}),
    onInconclusive: file.onInconclusive,
    ...(file.onBrokenControl === undefined ? {} : { onBrokenControl: file.onBrokenControl }),
    onLostController: file.onLostController,
    lostControllerAfterMs: parseDurationMs(file.lostControllerAfter),
    holdAtMostMs: parseDurationMs(file.holdAtMost ?? '30m'),
    deadlineMs,
    ...alphaOf(file),
    baselineUnits: file.baselineUnits,
    ...readWarmUp(file.warmUp),
    ...readEpisodes(file.episodes),
  };
}

function checkVariants(file: ParsedFile, isFeature: boolean, complain: Complain): void {
  const names = Object.keys(file.variants);
  if (!names.includes(file.control)) {
    complain(['variants'], `control is "${file.control}", but there is no such variant; found: ${names.join(', ')}`);
  }
  if (names.length < 2) complain(['variants'], `expected control and at least one candidate, found ${names.length}`);
  if (file.kind === 'canary' && names.length > 2) {
    complain(['variants'], `a canary has one candidate, found ${names.length - 1}; use kind: ab for more`);
  }
  for (const [name, written] of Object.entries(file.variants)) {
    checkPlace(name, written, isFeature, complain);
    const { config } = readVariant(written);
    const problem = configTooLarge(config);
    if (problem !== undefined) complain(['variants', name, isFeature ? 'parameters' : 'config'], problem);
  }
  if (isFeature && file.shadow !== undefined) {
    complain(['shadow'], 'is for variants with an upstream: of parameters nothing can be asked twice');
  }
}

function hasParameters({ variants }: ParsedFile): boolean {
  return Object.values(variants).some(({ parameters }) => parameters !== undefined);
}

/** Models are asked at an upstream, features have parameters; an experiment is about one of the two. */
function checkPlace(name: string, written: VariantFile, isFeature: boolean, complain: Complain): void {
  const { upstream, config, parameters } = written;
  if (!isFeature) {
    if (upstream === undefined) complain(['variants', name, 'upstream'], 'is missing: where the router sends requests');
    if (config === undefined)
      complain(['variants', name, 'config'], 'is missing: the configuration that identifies the variant');
    return;
  }
  if (parameters === undefined) {
    complain(['variants', name, 'parameters'], 'is missing: another variant has parameters, so every one needs some');
  }
  if (upstream !== undefined) {
    complain(['variants', name, 'upstream'], 'stands beside parameters: expected one of the two');
  }
}

/** Parameters are a part of what identifies a variant. */
function readVariant({ upstream = NOT_ASKED, config, parameters }: VariantFile): VariantSpec {
  const known = config ?? { parameters: {} };
  return { upstream, config: parameters === undefined ? known : { ...config, parameters } };
}

function checkMetrics(file: ParsedFile, known: readonly KnownMetric[], complain: Complain): void {
  file.objectives.forEach(({ metric }, index) => {
    const path = ['objectives', index, 'metric'];
    checkMetricName(metric, { path, mayOnlyWarn: false }, known, complain);
    if (file.objectives.findIndex((other) => other.metric === metric) < index) {
      complain(path, `metric "${metric}" is an objective twice: give it one weight`);
    }
  });
  file.watch.forEach((metric, index) => {
    checkMetricName(metric, { path: ['watch', index], mayOnlyWarn: true }, known, complain);
  });
  if (file.kind === 'ab' && file.objectives.length === 0) {
    complain(['objectives'], 'an ab test needs at least one objective');
  }
}

/** The name of the arm that is added. */
const BASELINE = 'baseline';

/** An equal baseline is one more variant with control's configuration, under its own upstream where the file has one. */
function withBaseline({
  variants: written,
  control,
  baseline,
}: ParsedFile): Pick<ExperimentSpec, 'variants' | 'baseline'> {
  const variants = Object.fromEntries(Object.entries(written).map(([name, one]) => [name, readVariant(one)]));
  const ofControl = variants[control];
  if (baseline === 'control' || ofControl === undefined) return { variants };
  const upstream = baseline === 'equal' ? ofControl.upstream : baseline.upstream;
  return { variants: { ...variants, [BASELINE]: { ...ofControl, upstream } }, baseline: BASELINE };
}

function checkBaseline({ kind, variants, baseline }: ParsedFile, complain: Complain): void {
  if (baseline === 'control') return;
  if (kind !== 'canary')
    complain(['baseline'], 'an ab test has equal arms already: expected kind: canary, or no baseline');
  if (BASELINE in variants) {
    complain(['variants', BASELINE], `is the name of the arm that baseline adds: expected another name`);
  }
}

/** Whether something can prove that more people may see a candidate. */
function checkWayUp(
  file: ParsedFile,
  { written, guardrails, ramp }: { written: readonly WrittenGuardrail[]; guardrails: readonly Guardrail[]; ramp: Ramp },
  complain: Complain,
): void {
  const hasLimitsOnly = written.every(({ margin, atMost, atLeast }) => !margin && (atMost ?? atLeast) !== undefined);
  if (guardrails.length > 0 || (written.length > 0 && !hasLimitsOnly)) return;
  if (file.kind === 'ab') {
    const candidates = candidatesOf({ variants: file.variants, control: file.control }).length;
    const equalPpm = Math.floor((MILLION * candidates) / (candidates + 1));
    const first = ramp.stages[0]?.weightPpm ?? 0;
    // Stages that are written are climbed by their own conditions.
    if (first >= equalPpm || ramp.kind === 'explicit') return;
    const equal = `${Math.ceil(equalPpm / 10_000)}%`;
    complain(
      ['guardrails'],
      `without guardrails nothing proves that more people may see the candidates: the test would stay at ${first / 10_000}%. Expected guardrails (such as standard), a ramp of stages with times of their own, or one that begins with ${equal}, an equal split`,
    );
  } else if (written.length > 0) {
    complain(['guardrails'], 'limits alone compare nothing with control: expected a margin on at least one guardrail');
  } else {
    complain(
      ['guardrails'],
      'a canary without guardrails would promote anything: expected at least one, or "guardrails: standard"',
    );
  }
}

/** Nothing is written of what has always been so: a file that shares nothing stays the revision it was. */
function alphaOf({ alpha }: ParsedFile): Pick<ExperimentSpec, 'alpha' | 'alphaPer'> {
  if (typeof alpha === 'number') return { alpha };
  return { alpha: alpha.level, ...(alpha.per === 'experiment' ? { alphaPer: 'experiment' as const } : {}) };
}

/** Shares of α, where there is something to share. */
function checkWeights({ alpha }: ParsedFile, guardrails: readonly WrittenGuardrail[], complain: Complain): void {
  if (typeof alpha === 'object' && alpha.per === 'experiment') {
    // A guardrail that is left with less could never prove harm.
    const sum = guardrails.reduce((total, { weight = 1 }) => total + weight, 0);
    guardrails.forEach(({ metric, weight = 1, path }) => {
      if ((alpha.level * weight) / sum >= SMALLEST_ALPHA) return;
      complain([...path, 'weight'], `leaves "${metric}" less than ${SMALLEST_ALPHA} of alpha: expected more`);
    });
    return;
  }
  guardrails.forEach(({ weight, path }) => {
    if (weight === undefined) return;
    complain(
      [...path, 'weight'],
      'shares an alpha that is not shared: expected alpha: { level: 0.05, per: experiment } beside it, or no weight',
    );
  });
}

/** Whether there is time for everything before the deadline. */
function checkTimes(file: ParsedFile, stages: Ramp['stages'], complain: Complain): void {
  const deadlineMs = parseDurationMs(file.deadline);
  // While it bakes the deadline waits.
  const rampMs = stages.reduce((sum, { atLeastMs, bake }) => sum + (bake === true ? 0 : atLeastMs), 0);
  if (rampMs > deadlineMs) {
    complain(
      ['ramp'],
      `the stages take at least ${durationInWords(rampMs)}, longer than the deadline of ${file.deadline}: it would always pass first`,
    );
  }
  if (file.holdAtMost !== undefined && parseDurationMs(file.holdAtMost) > deadlineMs) {
    complain(
      ['holdAtMost'],
      `${file.holdAtMost} is longer than the deadline of ${file.deadline}: it would never end a hold`,
    );
  }
}

/** Whether there are pictures to judge: before the first stage only a shadow makes any of a candidate's. */
function checkJudgements({ shadow }: ParsedFile, { stages }: Ramp, complain: Complain): void {
  if (stages[0]?.judgements === undefined || shadow !== undefined) return;
  complain(
    ['ramp', 0, 'approval'],
    'asks for judgements of pictures before anybody was served by a candidate: expected a shadow before the ramp, a later stage, or approval: required',
  );
}

/** Whether a total can become a value before the end; of requests, which come once, there is nothing to add up. */
function checkWindows({ metrics, deadline, unit }: ParsedFile, complain: Complain): void {
  metrics.forEach(({ kind, window }, index) => {
    if (kind !== 'total' || window === undefined) return;
    if (unit === 'request') {
      complain(
        ['metrics', index, 'kind'],
        'with unit: request every unit is one request: expected unit: user or session, or kind: mean',
      );
    }
    if (parseDurationMs(window) < parseDurationMs(deadline)) return;
    complain(
      ['metrics', index, 'window'],
      `${window} is not shorter than the deadline of ${deadline}: no unit's window would close in time`,
    );
  });
}

/** A name, an IPv4 or an IPv6 address. A URL may have other hosts too, such as a placeholder that nobody has filled. */
const HOST = /^(?:[\p{L}\p{N}._-]+|\[[0-9a-f:.]+\])$/iu;

/** An address that requests can be sent to: of at most 2 048 characters, none of them a blank or the end of a line. */
export function isHttpUrl(text: string): boolean {
  return (
    text.length <= 2_048 &&
    !/\s/.test(text) &&
    /^https?:\/\/[^/]/i.test(text) &&
    URL.canParse(text) &&
    HOST.test(new URL(text).hostname)
  );
}

/** Whether an address has a user or a password in it, which would stand in views and logs. */
export function namesUser(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== '' || password !== '';
}

const NAMES_IN_FILE: Readonly<Record<string, string>> = {
  lostControllerAfterMs: 'lostControllerAfter',
  holdAtMostMs: 'holdAtMost',
  deadlineMs: 'deadline',
};

function pathInFile([first, ...rest]: readonly PropertyKey[]): readonly PropertyKey[] {
  return first === undefined ? [] : [NAMES_IN_FILE[String(first)] ?? first, ...rest];
}
