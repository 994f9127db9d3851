import { type ExperimentSpec, type Margin, MILLION } from '#libs/contracts';
import { type MetricDefinition, metricsOf } from '#libs/evidence';
import {
  courseOfRamp,
  hoursFor,
  type PlannedMetric,
  type RampCourse,
  smallestEffect,
  type SmallestEffectAnswer,
  type UnitsAnswer,
  unitsToDetect,
  unitsToProve,
} from '#libs/planning';
import { type AssumedControl, DEFAULT_BASELINES, describeBaseline, parseBaseline } from './baseline.js';
import {
  type Change,
  type GuardrailLaw,
  guardrailLaw,
  type KnownGuardrail,
  type PlannedTest,
} from './planned-guardrail.js';
import { PlanInputError } from './plan-input-error.js';
import { type LimitPlan, planLimit } from './planned-limit.js';
import { planShadow, type ShadowPlan } from './planned-shadow.js';

const MS_PER_HOUR = 3_600_000;

export interface PlanQuestion {
  readonly spec: ExperimentSpec;
  /** Requests of the audience per hour, both variants together; above 0. */
  readonly requestsPerHour: number;
  /** What is supposed of control, as written: `[metric, "0.95±0.02"]`. The last of a metric holds. */
  readonly assumed: readonly (readonly [metric: string, text: string])[];
  /** Supposed changes; the first of a metric is also the harm its guardrail is asked to find. */
  readonly effects: readonly { readonly metric: string; readonly change: Change }[];
  readonly power: number;
  readonly seed: number;
  /** Simulated runs per answer; default 400 (200 for smallest effects, 100 for courses). */
  readonly runs?: number;
}

export interface Assumption {
  readonly metric: string;
  readonly text: string;
  /** `definition`: nothing had to be supposed. */
  readonly from: 'default' | 'caller' | 'definition';
}

/** `effect-beyond-range`: no candidate can be that bad, so a smaller effect has to be stated. */
type Found = UnitsAnswer | { readonly missing: 'effect-beyond-range' };

export interface GuardrailPlan {
  readonly metric: string;
  readonly margin: Margin;
  /** Absolute changes of it are percentage points. */
  readonly isRate: boolean;
  readonly rollbackOn: 'beyond-margin' | 'any-harm';
  /** The harm that is to be found, and whether the caller said so; else it is twice the margin. */
  readonly harm: Change;
  readonly isStated: boolean;
  readonly found: Found;
  readonly proven: UnitsAnswer;
  readonly hours: { readonly found: number | null; readonly proven: number | null };
  /** What the deadline's traffic suffices for. */
  readonly smallest: SmallestEffectAnswer;
  /** The same as a change of control's value. */
  readonly smallestChange: Change | null;
  readonly notes: readonly string[];
}

export interface Plan {
  readonly experiment: string;
  readonly unit: ExperimentSpec['unit'];
  readonly requestsPerHour: number;
  readonly deadlineHours: number;
  readonly requestsUntilDeadline: number;
  readonly alpha: number;
  readonly power: number;
  readonly seed: number;
  /** The candidate's share the guardrails are planned at one by one: the ramp's last below 100 %. */
  readonly sharePpm: number;
  readonly assumed: readonly Assumption[];
  readonly guardrails: readonly GuardrailPlan[];
  /** Absolute limits: what the proof that they are kept takes. */
  readonly limits: readonly LimitPlan[];
  /** Guardrails about which too little is known, with what to pass. */
  readonly lacking: readonly { readonly metric: string; readonly needs: string }[];
  /** What comes before the ramp; null where nothing does. */
  readonly shadow: ShadowPlan | null;
  /** The ramp of an equal candidate, after a shadow from the share that half of them are allowed; null where no guardrail is in it, and without a ramp. */
  readonly equal: RampCourse | null;
  readonly effects: readonly { readonly metric: string; readonly change: Change; readonly course: RampCourse | null }[];
  /** How the course differs from what will happen. */
  readonly notes: readonly string[];
}

/** Told before each step; may wait, and throw to stop. */
export type OnStep = (done: number, of: number, what: string) => void | Promise<void>;

/**
 * What an experiment will take: per guardrail, for an equal candidate, and for each supposed effect. Pure but for `onStep`;
 * repeatable by `seed`. Seconds: smallest effects are the dear part.
 * @throws PlanInputError on assumptions and effects of metrics that guard nothing, or that can't be; on ab tests.
 */
export async function planExperiment(question: PlanQuestion, onStep: OnStep = () => undefined): Promise<Plan> {
  const { spec, requestsPerHour, effects, power, seed } = question;
  expectCanary(spec);
  expectGuarded(question);
  const subject = subjectOf(question);
  for (const { metric, change } of effects) expectPossible(metric, change, subject.known);
  const step = stepCounter(subject, onStep);
  const guardrails: GuardrailPlan[] = [];
  for (const law of subject.known) guardrails.push(await planGuardrail(law, subject, step));
  const limits = await planLimits(subject, step);
  const courses = await playCourses(subject, step);
  return {
    experiment: spec.key,
    unit: spec.unit,
    requestsPerHour,
    deadlineHours: subject.deadlineHours,
    requestsUntilDeadline: subject.requestsUntilDeadline,
    alpha: spec.alpha,
    power,
    seed,
    sharePpm: subject.sharePpm,
    assumed: [...subject.definitions.values()].flatMap((definition) => assumptionOf(definition, question)),
    guardrails,
    limits,
    shadow: subject.shadow,
    lacking: subject.laws.flatMap(({ name, missing }) => (missing === null ? [] : [{ metric: name, needs: missing }])),
    ...courses,
    notes: notesOf(spec, subject.laws, subject.inCourse),
  };
}

/** What is planned: the question, and what follows from it without a simulation. */
interface PlanSubject {
  readonly question: PlanQuestion;
  readonly ladderPpm: readonly number[];
  readonly sharePpm: number;
  readonly deadlineHours: number;
  readonly requestsUntilDeadline: number;
  /** Of the metric of each guardrail and limit, in the order of the file. */
  readonly definitions: ReadonlyMap<string, MetricDefinition>;
  readonly laws: readonly GuardrailLaw[];
  readonly known: readonly KnownGuardrail[];
  readonly shadow: ShadowPlan | null;
  /** Those the ramp can be planned with. */
  readonly inCourse: readonly KnownGuardrail[];
}

function subjectOf(question: PlanQuestion): PlanSubject {
  const { spec, requestsPerHour } = question;
  // Whatever bakes is proven already.
  const climbed = spec.ramp.stages.filter(({ weightPpm, bake }) => weightPpm < MILLION && bake !== true);
  const ladderPpm = climbed.map(({ weightPpm }) => weightPpm);
  const sharePpm = ladderPpm.at(-1);
  if (sharePpm === undefined) throw new PlanInputError('the ramp has no stage below 100 %: nothing is compared');
  const byName = new Map(metricsOf(spec).map((definition) => [definition.name, definition]));
  const definitions = new Map(decidingMetrics(spec).map((metric) => [metric, byName.get(metric) as MetricDefinition]));
  const laws = spec.guardrails.map((guardrail) => {
    const definition = definitions.get(guardrail.metric) as MetricDefinition;
    return guardrailLaw(guardrail, definition, baselineOf(definition, question)?.baseline);
  });
  const known = laws.filter((law): law is KnownGuardrail => law.missing === null);
  const deadlineHours = spec.deadlineMs / MS_PER_HOUR;
  const shadow = planShadow(spec, requestsPerHour);
  return {
    question,
    ladderPpm,
    sharePpm,
    deadlineHours,
    requestsUntilDeadline: Math.floor(requestsPerHour * deadlineHours),
    definitions,
    laws,
    known,
    shadow,
    inCourse: shadow?.isAll ? [] : known.filter(({ isMirrored }) => !isMirrored.proof),
  };
}

type Step = (what: string) => void | Promise<void>;

function stepCounter({ known, inCourse, question }: PlanSubject, onStep: OnStep): Step {
  const limits = question.spec.limits?.length ?? 0;
  const steps = 2 * known.length + limits + (inCourse.length > 0 ? 1 + question.effects.length : 0);
  let done = 0;
  return (what) => onStep(done++, steps, what);
}

async function planGuardrail(law: KnownGuardrail, subject: PlanSubject, step: Step): Promise<GuardrailPlan> {
  const { spec, effects, power, seed, runs, requestsPerHour } = subject.question;
  const simulated: Simulated = {
    share: subject.sharePpm / MILLION,
    alpha: spec.alpha,
    power,
    seed,
    ...(runs === undefined ? {} : { runs }),
  };
  const guardrail = spec.guardrails.find(({ metric }) => metric === law.name) as ExperimentSpec['guardrails'][number];
  const stated = effects.find(({ metric }) => metric === law.name);
  const harm = stated?.change ?? twiceTheMargin(law);
  await step(`${law.name}: requests to decide`);
  const found = foundOf(law, harm, simulated);
  const proven = provenOf(law, simulated);
  await step(`${law.name}: smallest effect`);
  const smallest = smallestOf(law, subject.requestsUntilDeadline, { ...simulated, runs: runs ?? 200 });
  return {
    metric: law.name,
    margin: guardrail.margin,
    isRate: subject.definitions.get(law.name)?.kind === 'rate',
    rollbackOn: guardrail.rollbackOn,
    harm,
    isStated: stated !== undefined,
    found,
    proven,
    hours: { found: hoursOf(found, requestsPerHour), proven: hoursOf(proven, requestsPerHour) },
    smallest,
    smallestChange: smallest.missing === null ? law.changeOf(smallest.effect) : null,
    notes: law.notes,
  };
}

async function planLimits({ question, definitions, sharePpm }: PlanSubject, step: Step): Promise<readonly LimitPlan[]> {
  const plans: LimitPlan[] = [];
  for (const limit of question.spec.limits ?? []) {
    await step(`${limit.metric}: limit`);
    const definition = definitions.get(limit.metric) as MetricDefinition;
    plans.push(
      planLimit(limit, definition, baselineOf(definition, question)?.baseline, {
        ...question,
        share: sharePpm / MILLION,
      }),
    );
  }
  return plans;
}

/** The ramp of an equal candidate, and of each supposed change whose guardrail is in it. */
async function playCourses(subject: PlanSubject, step: Step): Promise<Pick<Plan, 'equal' | 'effects'>> {
  let equal: RampCourse | null = null;
  if (subject.inCourse.length > 0) {
    await step('ramp of an equal candidate');
    const { shadow, ladderPpm } = subject;
    const after = shadow === null ? ladderPpm : ladderPpm.filter((ppm) => ppm >= shadow.allowedPpm);
    equal = courseWith({ ...subject, ladderPpm: after }, null);
  }
  const played: Plan['effects'][number][] = [];
  for (const effect of subject.question.effects) {
    const isInCourse = subject.inCourse.some(({ name }) => name === effect.metric);
    if (isInCourse) await step(`ramp with another ${effect.metric}`);
    played.push({ ...effect, course: isInCourse ? courseWith(subject, effect) : null });
  }
  return { equal, effects: played };
}

function courseWith(
  { question, inCourse, ladderPpm, requestsUntilDeadline }: PlanSubject,
  changed: PlanQuestion['effects'][number] | null,
): RampCourse {
  const { spec, requestsPerHour, seed, runs } = question;
  return courseOfRamp({
    guardrails: inCourse.map((law) => ({
      name: law.name,
      ...law.proof,
      effect: changed?.metric === law.name ? (law.effectOf(changed.change)?.proof ?? 0) : 0,
    })),
    ladderPpm,
    alpha: spec.alpha,
    unitsPerHour: requestsPerHour,
    baselineUnits: spec.baselineUnits,
    mostUnits: Math.max(1, requestsUntilDeadline),
    seed,
    ...(runs === undefined ? {} : { runs }),
  });
}

function expectCanary({ kind, key }: ExperimentSpec): void {
  if (kind === 'canary') return;
  throw new PlanInputError(
    `${key} is of kind ${kind}: expected a canary; an ab test ends by its objectives, not by guardrails`,
  );
}

function expectGuarded({ spec, assumed, effects }: PlanQuestion): void {
  for (const [metric] of assumed) expectOneOf(decidingMetrics(spec), '--assume', metric);
  const guarded = spec.guardrails.map(({ metric }) => metric);
  for (const { metric } of effects) expectOneOf(guarded, '--effect', metric);
}

function expectOneOf(known: readonly string[], option: string, metric: string): void {
  if (known.includes(metric)) return;
  throw new PlanInputError(
    `${option} ${metric}: not a guardrail of this experiment; expected one of: ${known.join(', ')}`,
  );
}

/** Metrics with a margin or a limit, each once. */
function decidingMetrics({ guardrails, limits = [] }: ExperimentSpec): readonly string[] {
  return [...new Set([...guardrails, ...limits].map(({ metric }) => metric))];
}

function expectPossible(metric: string, change: Change, known: readonly KnownGuardrail[]): void {
  const law = known.find(({ name }) => name === metric);
  if (law === undefined) return;
  const effect = law.effectOf(change);
  if (effect === null) {
    throw new PlanInputError(
      `--effect ${metric}: an absolute change needs control's value; use --assume, or a percentage`,
    );
  }
  if (!isPossible(law.proof.metric, law.isMirrored.proof, effect.proof)) {
    throw new PlanInputError(`--effect ${metric}: no candidate can be that different from what is assumed of control`);
  }
}

/** Whether rates stay shares, and values positive where they have to be. */
function isPossible(metric: PlannedMetric, isMirrored: boolean, effect: number): boolean {
  switch (metric.kind) {
    case 'mean':
      return Number.isFinite(effect);
    case 'rate':
      return metric.rate + effect >= 0 && metric.rate + effect <= 1;
    case 'relative-rate': {
      const rate = isMirrored ? metric.rate / (1 + effect) : metric.rate * (1 + effect);
      return Number.isFinite(effect) && rate >= 0 && rate <= 1;
    }
    case 'lower-tail': {
      const tailShare = metric.tailShare * (1 + effect);
      return tailShare >= 0 && tailShare <= 1;
    }
    case 'upper-tail':
      return effect > -1;
    default:
      return metric satisfies never;
  }
}

function baselineOf(
  definition: MetricDefinition,
  { assumed }: PlanQuestion,
): { readonly baseline: AssumedControl; readonly from: Assumption['from'] } | undefined {
  const written = assumed.findLast(([metric]) => metric === definition.name);
  if (written !== undefined) return { baseline: parseBaseline(definition, written[1]), from: 'caller' };
  const usual = Object.hasOwn(DEFAULT_BASELINES, definition.name) ? DEFAULT_BASELINES[definition.name] : undefined;
  return usual && { baseline: usual, from: 'default' };
}

function assumptionOf(definition: MetricDefinition, question: PlanQuestion): readonly Assumption[] {
  const { name: metric } = definition;
  if (definition.kind === 'lower-tail') {
    return [{ metric, text: `${100 * definition.level} % of control's own values`, from: 'definition' }];
  }
  const known = baselineOf(definition, question);
  return known === undefined ? [] : [{ metric, text: describeBaseline(known.baseline), from: known.from }];
}

/** Twice the margin, also where any harm rolls back. */
function twiceTheMargin(law: KnownGuardrail): Change {
  if (law.harm.metric === law.proof.metric) return law.changeOf(2 * law.proof.margin);
  // Only rates of which any harm rolls back are counted for harm and bet on for its absence: their margins are differences.
  return { kind: 'absolute', value: (law.isMirrored.harm ? -2 : 2) * law.proof.margin };
}

interface Simulated {
  readonly share: number;
  readonly alpha: number;
  readonly power: number;
  readonly seed: number;
  readonly runs?: number;
}

function foundOf(law: KnownGuardrail, change: Change, simulated: Simulated): Found {
  const effect = law.effectOf(change);
  const { metric } = law.harm;
  if (effect === null || !isPossible(metric, law.isMirrored.harm, effect.harm))
    return { missing: 'effect-beyond-range' };
  const { harm } = effect;
  if (!law.isMirrored.harm) return unitsToDetect({ ...law.harm, ...simulated, effect: harm });
  return exchangedBack(simulated, unitsToDetect({ ...exchanged(law.harm, simulated, harm), effect: harm }));
}

function provenOf(law: KnownGuardrail, simulated: Simulated): UnitsAnswer {
  if (!law.isMirrored.proof) return unitsToProve({ ...law.proof, ...simulated, effect: 0 });
  return exchangedBack(simulated, unitsToProve({ ...exchanged(law.proof, simulated, 0), effect: 0 }));
}

/** With exchanged variants control's rate depends on the effect looked for: it is taken at the margin, which the answer is close to. */
function smallestOf(law: KnownGuardrail, units: number, simulated: Simulated): SmallestEffectAnswer {
  return smallestEffect({
    ...(law.isMirrored.harm ? exchanged(law.harm, simulated, law.harm.margin) : { ...law.harm, ...simulated }),
    units,
  });
}

/** Good events that the candidate has fewer of are bad events that control has more of. */
function exchanged({ metric, margin }: PlannedTest, simulated: Simulated, effect: number): PlannedTest & Simulated {
  const rate = metric.kind === 'relative-rate' ? metric.rate / (1 + effect) : 0;
  return { ...simulated, metric: { kind: 'relative-rate', rate }, margin, share: 1 - simulated.share };
}

function exchangedBack({ share }: Simulated, answer: UnitsAnswer): UnitsAnswer {
  return answer.missing === null ? { ...answer, candidateUnits: answer.units * share } : answer;
}

function hoursOf(answer: Found, requestsPerHour: number): number | null {
  return answer.missing === null ? hoursFor(answer.units, requestsPerHour) : null;
}

function notesOf(
  spec: ExperimentSpec,
  laws: readonly { readonly name: string; readonly missing: string | null }[],
  inCourse: readonly KnownGuardrail[],
): readonly string[] {
  const left = laws.filter(({ name }) => !inCourse.some((law) => law.name === name)).map(({ name }) => name);
  const anyHarm = spec.guardrails.filter(({ rollbackOn }) => rollbackOn === 'any-harm').map(({ metric }) => metric);
  const { stages } = spec.ramp;
  const waits = stages.some(({ atLeastMs, atLeastUnits, bake }) => !bake && (atLeastMs > 0 || atLeastUnits > 0));
  return [
    ...(spec.unit === 'request'
      ? []
      : [`one request per ${spec.unit} is supposed; later ones of the same ${spec.unit} add nothing`]),
    ...(left.length > 0 ? [`the ramp is planned without ${left.join(', ')}: in use it waits for them too`] : []),
    ...(anyHarm.length > 0
      ? [`in the ramp, harm of ${anyHarm.join(', ')} counts beyond the margin only: in use it rolls back sooner`]
      : []),
    ...(spec.baseline === undefined
      ? []
      : ['planned as if compared with control: an equal baseline takes longer, since only the two equal arms count']),
    ...(spec.schedule === undefined && spec.freeze === undefined
      ? []
      : ['hours in which no share rises are not left out: in use the ramp stands still in them']),
    ...(waits ? ['least times and units of the stages are not in the ramp: where they are longer, they hold'] : []),
    ...(stages.some(({ bake }) => bake) ? ['the bake comes on top'] : []),
    ...(stages.some(({ approval }) => approval === 'required') ? ['approvals are not waited for'] : []),
    ...(spec.shadow === undefined || spec.shadow.only
      ? []
      : [
          'requests of the shadow are not in the ramp; a ramp with a change is planned as if the shadow had not found it',
        ]),
    ...(inCourse.some(({ proof }) => proof.metric.kind === 'mean')
      ? [
          `the ramp includes the ${spec.baselineUnits} control requests that fix a mean's baseline; the figures per guardrail do not`,
        ]
      : []),
  ];
}
