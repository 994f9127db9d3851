import {
  candidatesOf,
  canonicalJson,
  DEFAULT_ROPE,
  DEFAULT_WARM_UP,
  type ExperimentSpec,
  type Guardrail,
  type KnownMetric,
  type ServedConfig,
} from '#libs/contracts';
import { knownMetricsOf } from '#libs/evidence';
import { restsOn } from '../judged-metrics.js';
import { duration, percent } from '../words/numbers.js';
import { guardrailInWords, limitRuleInWords } from '../words/rules.js';

/** A specification with the fingerprints of its variants. */
export interface Specified {
  readonly spec: ExperimentSpec;
  readonly fingerprints: Readonly<Record<string, string>>;
}

/** What differs between two specifications of an experiment, in words. */
export interface SpecChanges {
  /** What is compared, with whom, and how the evidence is gathered: evidence of before says nothing about it. */
  readonly treatment: readonly string[];
  /** How the evidence is judged and what follows from it. */
  readonly policy: readonly string[];
}

/**
 * Compares by meaning: the order of guardrails, watched metrics and audience rules does not matter, and what is left out is what holds by
 * default. A field that no rule here calls policy is treatment.
 */
export function specChanges(before: Specified, after: Specified): SpecChanges {
  const [old, now] = [withDefaults(before.spec), withDefaults(after.spec)];
  const guards = [...guardrailChanges(old, now, 'guardrails'), ...limitChanges(old, now)];
  // A level that all guardrails share is a promise about all of them together: what one gets depends on the others.
  const isShared = old.alphaPer === 'experiment' || now.alphaPer === 'experiment';
  const measures = measureChanges(old, now, isShared);
  return {
    treatment: [
      ...variantChanges(before, after),
      ...otherChanges(old, now),
      ...rampChanges(old, now),
      ...(isShared ? guards : []),
      ...measures.treatment,
    ],
    policy: [
      ...candidateAddresses(old, now),
      ...(isShared ? [] : guards),
      ...Object.entries(POLICY).flatMap(([field, show]) => fieldChange(field as PolicyField, show, old, now)),
      ...measures.policy,
      ...guardrailChanges(old, now, 'dryRun'),
      ...(canonicalJson(old.freeze) === canonicalJson(now.freeze) ? [] : ['freeze windows changed']),
      ...(canonicalJson(old.schedule) === canonicalJson(now.schedule) ? [] : ['schedule changed']),
      ...listChanges('watched metric', old.watch, now.watch, (name) => name),
      ...stageConditions(old, now),
    ],
  };
}

type Whole = ReturnType<typeof withDefaults>;

/** What an absent field means; of before there were such fields, and where the file says what holds by default anyway. */
function withDefaults(spec: ExperimentSpec) {
  return {
    ...spec,
    rope: spec.rope ?? DEFAULT_ROPE,
    metrics: spec.metrics ?? [],
    quotients: spec.quotients ?? [],
    limits: spec.limits ?? [],
    watch: spec.watch ?? [],
    freeze: spec.freeze ?? [],
    schedule: spec.schedule ?? [],
    dryRun: spec.dryRun ?? [],
    onBrokenControl: spec.onBrokenControl ?? 'hold',
    alphaPer: spec.alphaPer ?? 'guardrail',
    warmUp: spec.warmUp ?? DEFAULT_WARM_UP,
    episodes: spec.episodes ?? 'fifth',
  };
}

/** Of what is policy the plain fields, and how their values are shown. */
const POLICY = {
  onInconclusive: String,
  onBrokenControl: String,
  onLostController: String,
  lostControllerAfterMs: (value: unknown) => duration(value as number),
  holdAtMostMs: (value: unknown) => duration(value as number),
  deadlineMs: (value: unknown) => duration(value as number),
} as const satisfies Partial<Record<keyof Whole, (value: unknown) => string>>;
type PolicyField = keyof typeof POLICY;

/** What the other functions here compare; all else is compared whole. */
const COMPARED: ReadonlySet<string> = new Set<keyof Whole>([
  ...(Object.keys(POLICY) as PolicyField[]),
  'variants',
  'control',
  'ramp',
  'guardrails',
  'limits',
  'metrics',
  'quotients',
  'watch',
  'freeze',
  'schedule',
  'dryRun',
]);

const NAMES: Readonly<Record<string, string>> = {
  lostControllerAfterMs: 'lostControllerAfter',
  holdAtMostMs: 'holdAtMost',
  deadlineMs: 'deadline',
  alphaPer: 'what alpha is per',
};

function fieldChange(field: PolicyField, show: (value: unknown) => string, old: Whole, now: Whole): readonly string[] {
  return old[field] === now[field] ? [] : [changed(NAMES[field] ?? field, show(old[field]), show(now[field]))];
}

/** Two values that look alike differ all the same. */
function changed(what: string, before: string, after: string): string {
  return before === after ? `${what} changed` : `${what} ${before} → ${after}`;
}

function otherChanges(old: Whole, now: Whole): readonly string[] {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => !COMPARED.has(name));
  return names.flatMap((name) => {
    const [before, after] = [old, now].map((spec) => unordered(name, spec[name as keyof Whole]));
    if (canonicalJson([before]) === canonicalJson([after])) return [];
    const isPlain = [before, after].every((value) => value === undefined || typeof value !== 'object');
    const label = NAMES[name] ?? name;
    return [isPlain ? changed(label, String(before ?? 'none'), String(after ?? 'none')) : `${label} changed`];
  });
}

/** Rules that all have to hold hold in any order. */
function unordered(name: string, value: unknown): unknown {
  const isUnordered = name === 'audience' || name === 'objectives';
  return isUnordered ? (value as readonly unknown[]).map(canonicalJson).toSorted() : value;
}

function variantChanges(before: Specified, after: Specified): readonly string[] {
  const [old, now] = [before.spec, after.spec];
  const names = [...new Set([...Object.keys(old.variants), ...Object.keys(now.variants)])];
  const changes = names.flatMap((name) => {
    const [was, is] = [old.variants[name], now.variants[name]];
    if (!was) return [`${name} is new`];
    if (!is) return [`${name} is gone`];
    if (before.fingerprints[name] === after.fingerprints[name]) return [];
    const different = configChanges(was.config, is.config);
    return (different.length > 0 ? different : ['fingerprint changed']).map((change) => `${name}'s ${change}`);
  });
  if (old.control !== now.control) changes.push(changed('control', old.control, now.control));
  const [was, is] = [old, now].map(({ control, variants }) => variants[control]?.upstream ?? '');
  if (old.control === now.control && was !== is)
    changes.push(`${old.control}'s upstream ${was} → ${is}, which is what the service serves`);
  return changes;
}

/** "steps 30 → 20". */
function configChanges(before: ServedConfig, after: ServedConfig): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const different = names.filter((name) => canonicalJson([before[name]]) !== canonicalJson([after[name]]));
  return different.map((name) => changed(name, shown(before[name]), shown(after[name])));
}

/** Another address of the same configuration is no other treatment. Control's is what the service serves. */
function candidateAddresses(old: Whole, now: Whole): readonly string[] {
  const others = [...candidatesOf(old), ...(old.baseline === undefined ? [] : [old.baseline])];
  return others.flatMap((name) => {
    const [was, is] = [old.variants[name]?.upstream, now.variants[name]?.upstream];
    return is === undefined || was === is ? [] : [`${name}'s upstream ${was} → ${is}`];
  });
}

function rampChanges({ ramp: old }: Whole, { ramp: now }: Whole): readonly string[] {
  const [was, is] = [old, now].map(({ stages }) => stages.map(({ weightPpm }) => percent(weightPpm)).join(', '));
  const isSame = old.kind === now.kind && canonicalJson(weightsOf(old)) === canonicalJson(weightsOf(now));
  return isSame ? [] : [changed('ramp', `${old.kind} ${was}`, `${now.kind} ${is}`)];
}

function weightsOf({ stages }: Whole['ramp']): readonly number[] {
  return stages.map(({ weightPpm }) => weightPpm);
}

function stageConditions({ ramp: old }: Whole, { ramp: now }: Whole): readonly string[] {
  return old.stages.flatMap((was, index) => {
    const is = now.stages[index];
    if (!is) return [];
    const stage = `stage ${index} (${percent(was.weightPpm)})`;
    return [
      ...(approvalOf(was) === approvalOf(is) ? [] : [changed(`approval of ${stage}`, approvalOf(was), approvalOf(is))]),
      ...(canonicalJson([was.gates]) === canonicalJson([is.gates])
        ? []
        : [changed(`gates of ${stage}`, gatesInWords(was), gatesInWords(is))]),
      ...(was.bake === is.bake ? [] : [`${stage} is ${is.bake === true ? 'the bake now' : 'no bake any more'}`]),
      ...(was.atLeastMs === is.atLeastMs
        ? []
        : [changed(`least time in ${stage}`, duration(was.atLeastMs), duration(is.atLeastMs))]),
      ...(was.atLeastUnits === is.atLeastUnits
        ? []
        : [changed(`least units in ${stage}`, String(was.atLeastUnits), String(is.atLeastUnits))]),
    ];
  });
}

/** "before load-test, after legal". */
function gatesInWords({ gates }: Whole['ramp']['stages'][number]): string {
  const named = Object.entries(gates ?? {}).map(([when, names]) => `${when} ${names.join(' and ')}`);
  return named.length === 0 ? 'none' : named.join(', ');
}

/** As the file writes it. */
function approvalOf({ approval, approvedBy, judgements }: Whole['ramp']['stages'][number]): string {
  if (judgements !== undefined) return `${judgements} judgements`;
  return approvedBy === 'another' ? 'by-another' : approval;
}

function guardrailChanges(before: Whole, after: Whole, field: 'guardrails' | 'dryRun'): readonly string[] {
  const [old, now] = [before[field], after[field]];
  const what = field === 'guardrails' ? 'guardrail' : 'dry run of';
  const names = [...new Set([...old, ...now].map(({ metric }) => metric))];
  return names.flatMap((name) => {
    const [was, is] = [old, now].map((list) => list.find(({ metric }) => metric === name));
    if (!was) return [`${what} ${name} is new`];
    if (!is) return [`${what} ${name} is gone`];
    if (isSameGuardrail(was, is)) return [];
    return [
      changed(
        `${name}'s margin${field === 'guardrails' ? '' : ' in its dry run'}`,
        guardrailInWords(was, knownIn(before, name)),
        guardrailInWords(is, knownIn(after, name)),
      ),
    ];
  });
}

/** In which unit a metric is, and which way is worse. */
function knownIn(spec: Whole, metric: string): KnownMetric | undefined {
  return knownMetricsOf(spec).find(({ name }) => name === metric);
}

/** The same rule, whether the file says it or it holds by default. */
export function isSameGuardrail(one: Guardrail, other: Guardrail): boolean {
  return canonicalJson(weighed(one)) === canonicalJson(weighed(other));
}

function weighed({ weight = 1, byDefault: _by, ...guardrail }: Guardrail): Omit<Guardrail, 'byDefault'> {
  return { ...guardrail, weight };
}

function limitChanges(before: Whole, after: Whole): readonly string[] {
  const [old, now] = [before.limits, after.limits];
  const names = [...new Set([...old, ...now].map(({ metric }) => metric))];
  return names.flatMap((name) => {
    const [was, is] = [old, now].map((list) => list.find(({ metric }) => metric === name));
    if (canonicalJson([was]) === canonicalJson([is])) return [];
    const [wasSaid, isSaid] = [
      was ? limitRuleInWords(was, knownIn(before, name)) : 'none',
      is ? limitRuleInWords(is, knownIn(after, name)) : 'none',
    ];
    return [changed(`${name}'s limit`, wasSaid, isSaid)];
  });
}

/**
 * Own metrics and quotients. What an objective rests on says who wins, as the objective itself does; what a guardrail rests on is part of the
 * promise that a shared level gives.
 */
function measureChanges(old: Whole, now: Whole, isShared: boolean): SpecChanges {
  const fixed = new Set([old, now].flatMap((spec) => [...restsOn(spec, fixedIn(spec, isShared))]));
  const changesOf = (isFixed: boolean): readonly string[] => {
    const isAsked = ({ name }: { readonly name: string }): boolean => fixed.has(name) === isFixed;
    return [
      ...listChanges('metric', old.metrics.filter(isAsked), now.metrics.filter(isAsked), ({ name }) => name),
      ...listChanges('quotient', old.quotients.filter(isAsked), now.quotients.filter(isAsked), ({ name }) => name),
    ];
  };
  return { treatment: changesOf(true), policy: changesOf(false) };
}

function fixedIn({ objectives, guardrails, limits }: Whole, isShared: boolean): readonly string[] {
  return [...objectives, ...(isShared ? [...guardrails, ...limits] : [])].map(({ metric }) => metric);
}

function listChanges<Item>(
  what: string,
  old: readonly Item[],
  now: readonly Item[],
  nameOf: (item: Item) => string,
): readonly string[] {
  const names = [...new Set([...old, ...now].map(nameOf))];
  return names.flatMap((name) => {
    const [was, is] = [old, now].map((list) => list.find((item) => nameOf(item) === name));
    if (was === undefined) return [`${what} ${name} is new`];
    if (is === undefined) return [`${what} ${name} is gone`];
    return canonicalJson([was]) === canonicalJson([is]) ? [] : [`${what} ${name} changed`];
  });
}

function shown(value: unknown): string {
  return value === undefined ? 'none' : typeof value === 'string' ? value : canonicalJson([value]).slice(1, -1);
}
