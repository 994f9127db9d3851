import type { WarmUpRule } from '../catalogue/evidence-design.js';

/** Silence after which a variant or an instance is taken for one that starts anew: so many of the longest starts, and so many of its usual pauses. */
const SILENT_STARTS = 5;
const SILENT_PAUSES = 20;
/** Weight of a pause beside the next one. */
const PAUSE_MEMORY = 0.95;
/**
 * Of the events that a variant is compared by, so many may be left out because an instance has joined it, and so many more for each request of a start:
 * else the early starts of an experiment would be judged.
 */
const MOST_WAITED = 0.2;
const WAITED_PER_REQUEST = 25;
/** Of a variant's own events, so many may be left out because they were the first of an instance; a few at any time. */
const MOST_FIRSTS = 0.02;
const FIRSTS = 3;
/** Instances of a variant that are remembered: those that were heard last. */
const MOST_INSTANCES = 128;
/** Instances of a variant that start at the same time; what starts beyond them is judged. */
const MOST_STARTING = 64;

/** The first requests of a variant or of one of its instances. */
interface Start {
  requests: number;
  readonly atMs: number;
  /** Whether it is the variant that starts, not an instance that joins it. */
  readonly isOfVariant: boolean;
}

/** What is known of a variant, from its own events of one topic and partition. */
interface VariantWarmth {
  /** When it was heard first, or first after a long silence, and last, ms since 1970. */
  startedAtMs: number;
  newestAtMs: number;
  /** Sum of the pauses between its events, and their number, each weighted the less the longer ago it was. */
  pauses: number;
  pauseWeight: number;
  events: number;
  /** Its own events that were left out as the first ones of an instance. */
  firsts: number;
  /** Events by which it was compared once it was known, and those that waited for an instance of it. */
  compared: number;
  waited: number;
  /** Starts that are not over, by the instance's name; '' for events that name none. */
  readonly starting: Map<string, Start>;
  readonly instances: Map<string, HeardInstance>;
}

/** When an instance was heard last, ms since 1970; written over, since that is cheaper than to enter it anew for each event. */
interface HeardInstance {
  newestAtMs: number;
}

/**
 * Who has just begun to answer: the latency of the first requests is that of loading a model and filling caches, not of the variant. By variant;
 * one that is not in it has not been heard yet. State of one topic and partition.
 *
 * While a variant starts, the latencies of **both** variants of a comparison are left out. Were only its own left out, the slow requests of the
 * other one would go on being counted against nobody's. Whether an event is left out follows from the events before it and the time, not from its
 * arm, so the e-processes stay what they are: to leave out is to bet nothing (optional skipping).
 *
 * The first event of an instance that joins a variant can't be foreseen: it alone is left out by what it says itself (see {@link isFirstOfInstance}).
 */
export type Warmth = Map<string, VariantWarmth>;

/** Topics whose events are answers: each request has one in either, so each counts for itself. */
export type AnswerTopic = 'request.routed.v1' | 'generation.completed.v1';
export type WarmthByTopic = Readonly<Record<AnswerTopic, Warmth>>;

/** Before anything was heard; also of evidence that is merged, which is not folded on. */
export function initialWarmth(): WarmthByTopic {
  return { 'request.routed.v1': new Map(), 'generation.completed.v1': new Map() };
}

/** Who answered, and when the carrier took the event into the log, ms since 1970. */
export interface VariantAnswer {
  readonly variant: string;
  /** Undefined where the event names none. */
  readonly instance: string | undefined;
  readonly atMs: number;
}

/**
 * Whether latency is not judged at this time because the variant has not been heard yet, starts, has been silent for so long that it may have been
 * stopped, or is joined by an instance. Instances that come and go all the time leave out a fifth at most
 * (and 25 events for each request of a start). Asked once per event of the variant's
 * comparisons, before {@link noteAnswer}.
 */
export function isWarmingUp(warmth: Warmth, rule: WarmUpRule, variant: string, atMs: number): boolean {
  const known = warmth.get(variant);
  if (known === undefined || isSilent(known, rule, atMs)) return true;
  known.compared += 1;
  if (known.starting.size === 0) return false;
  for (const [instance, start] of known.starting) {
    if (isOver(start, rule, atMs)) known.starting.delete(instance);
    else if (start.isOfVariant) return true;
  }
  if (known.starting.size === 0 || known.waited + 1 > mostWaited(known, rule)) return false;
  known.waited += 1;
  return true;
}

/**
 * Whether the event is the first one of an instance that joins a variant which is known, and is left out for that. The tilt counts it as a request that
 * was not slow, in either arm alike, so it remains valid for "slow, and not the first answer of an instance": how often that is may differ by
 * a fiftieth from how often a warm request is slow, since a fiftieth of a variant's events is left out so at most (and three at any time).
 */
export function isFirstOfInstance(
  warmth: Warmth,
  rule: WarmUpRule,
  { variant, instance, atMs }: VariantAnswer,
): boolean {
  const known = warmth.get(variant);
  if (known === undefined || instance === undefined) return false;
  if (!isNew(known, rule, known.instances.get(instance), atMs)) return false;
  if (known.firsts + 1 > FIRSTS + MOST_FIRSTS * known.events) return false;
  known.firsts += 1;
  return true;
}

/** Counts an event of a variant; after {@link isWarmingUp} and {@link isFirstOfInstance} were asked. */
export function noteAnswer(warmth: Warmth, rule: WarmUpRule, { variant, instance, atMs }: VariantAnswer): void {
  let known = warmth.get(variant);
  if (known === undefined) {
    known = firstHeard(atMs);
    warmth.set(variant, known);
  }
  const isOfVariant = known.events === 0 || isSilent(known, rule, atMs);
  if (isOfVariant) startAnew(known, atMs);
  const heard = instance === undefined ? undefined : known.instances.get(instance);
  if (isOfVariant || (instance !== undefined && isNew(known, rule, heard, atMs))) begin(known, rule, instance, atMs);
  if (known.events > 0) {
    known.pauses = PAUSE_MEMORY * known.pauses + Math.max(0, atMs - known.newestAtMs);
    known.pauseWeight = PAUSE_MEMORY * known.pauseWeight + 1;
  }
  known.events += 1;
  known.newestAtMs = atMs;
  if (known.starting.size > 0) proceed(known, rule, instance ?? '', atMs);
  if (heard !== undefined) heard.newestAtMs = atMs;
  else if (instance !== undefined) hear(known.instances, instance, atMs);
}

function firstHeard(atMs: number): VariantWarmth {
  return {
    startedAtMs: atMs,
    newestAtMs: atMs,
    pauses: 0,
    pauseWeight: 0,
    events: 0,
    firsts: 0,
    compared: 0,
    waited: 0,
    starting: new Map(),
    instances: new Map(),
  };
}

function startAnew(known: VariantWarmth, atMs: number): void {
  known.startedAtMs = atMs;
  known.starting.clear();
  known.instances.clear();
}

/** Instances that come not long after the first one started with it. */
function begin(known: VariantWarmth, { forMs }: WarmUpRule, instance = '', atMs: number): void {
  if (known.starting.size >= MOST_STARTING) return;
  const isOfVariant = Math.abs(atMs - known.startedAtMs) < forMs;
  known.starting.set(instance, { requests: 0, atMs, isOfVariant });
}

function proceed({ starting }: VariantWarmth, rule: WarmUpRule, instance: string, atMs: number): void {
  const start = starting.get(instance);
  if (start === undefined) return;
  start.requests += 1;
  if (isOver(start, rule, atMs)) starting.delete(instance);
}

function hear(instances: VariantWarmth['instances'], instance: string, atMs: number): void {
  instances.set(instance, { newestAtMs: atMs });
  if (instances.size <= MOST_INSTANCES) return;
  let [oldest, oldestAtMs] = [instance, atMs];
  for (const [name, { newestAtMs }] of instances)
    if (newestAtMs < oldestAtMs) [oldest, oldestAtMs] = [name, newestAtMs];
  instances.delete(oldest);
}

function mostWaited({ compared }: VariantWarmth, { requests }: WarmUpRule): number {
  return MOST_WAITED * compared + WAITED_PER_REQUEST * requests;
}

/** Whichever comes first: a sparse candidate does not wait for its twentieth request, a busy one not for a minute. */
function isOver({ requests, atMs: startedAtMs }: Start, rule: WarmUpRule, atMs: number): boolean {
  return requests >= rule.requests || Math.abs(atMs - startedAtMs) >= rule.forMs;
}

/** Where requests are rare anyway, a long pause is nothing new. */
function isSilent(known: VariantWarmth, rule: WarmUpRule, atMs: number): boolean {
  return isLongPause(atMs - known.newestAtMs, known, rule, 1);
}

/** An instance answers its part of the variant's requests. */
function isNew(known: VariantWarmth, rule: WarmUpRule, heard: HeardInstance | undefined, atMs: number): boolean {
  return heard === undefined || isLongPause(atMs - heard.newestAtMs, known, rule, known.instances.size);
}

function isLongPause(
  pauseMs: number,
  { pauses, pauseWeight }: VariantWarmth,
  { forMs }: WarmUpRule,
  parts: number,
): boolean {
  if (pauseMs <= SILENT_STARTS * forMs) return false;
  return pauseWeight === 0 || pauseMs > (SILENT_PAUSES * pauses * parts) / pauseWeight;
}

type EncodedWarmth = readonly (readonly [
  variant: string,
  known: Omit<VariantWarmth, 'starting' | 'instances'>,
  starting: readonly (readonly [instance: string, start: Readonly<Start>])[],
  instances: readonly (readonly [instance: string, newestAtMs: number])[],
])[];

export type EncodedWarmthByTopic = Readonly<Record<AnswerTopic, EncodedWarmth>>;

export function encodeWarmthByTopic(warmth: WarmthByTopic): EncodedWarmthByTopic {
  return {
    'request.routed.v1': encodeWarmth(warmth['request.routed.v1']),
    'generation.completed.v1': encodeWarmth(warmth['generation.completed.v1']),
  };
}

export function decodeWarmthByTopic(encoded: EncodedWarmthByTopic): WarmthByTopic {
  return {
    'request.routed.v1': decodeWarmth(encoded['request.routed.v1']),
    'generation.completed.v1': decodeWarmth(encoded['generation.completed.v1']),
  };
}

function encodeWarmth(warmth: Warmth): EncodedWarmth {
  return [...warmth].map(([variant, { starting, instances, ...known }]) => [
    variant,
    known,
    [...starting].map(([instance, start]) => [instance, { ...start }]),
    [...instances].map(([instance, { newestAtMs }]) => [instance, newestAtMs]),
  ]);
}

function decodeWarmth(encoded: EncodedWarmth): Warmth {
  return new Map(
    encoded.map(([variant, known, starting, instances]) => [
      variant,
      {
        ...known,
        starting: new Map(starting.map(([instance, start]) => [instance, { ...start }])),
        instances: new Map(instances.map(([instance, newestAtMs]) => [instance, { newestAtMs }])),
      },
    ]),
  );
}
