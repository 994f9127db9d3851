import { allocationApplied, allocationCommanded, experimentDefined } from '#libs/contracts';
import { z } from 'zod';

/**
 * Why the candidate cannot be judged. None of these says that it is bad. `distribution-shift` is one of logs of before watched metrics
 * stopped holding anything.
 */
export const holdCause = z.enum([
  'sample-ratio-mismatch',
  'coverage-gap',
  'scores-silent',
  'telemetry-silent',
  'unmeasurable-guardrail',
  'inconsistent-reports',
  'distribution-shift',
  'analysis-silent',
  'limit-exceeded',
  'pairs-silent',
]);
export type HoldCause = z.infer<typeof holdCause>;

const happened = { atMs: z.number(), actor: z.string().min(1) };
const definitionGiven = {
  definition: experimentDefined,
  note: z.string(),
  /** What differs from the definition before, in words; absent in the first one, and in logs of before it was kept. */
  changes: z.array(z.string()).optional(),
  /** Digest of the file as it was written: the same file again changes nothing, whatever the defaults are by then. */
  file: z.string().min(1).optional(),
};
const commanded = { ...happened, command: allocationCommanded };

/**
 * What a gate says: the ramp may go on; it may not; it is to wait and ask again. `none`: it could not be asked, or what it said was no answer, so often
 * that people have to know.
 */
export const gateAnswer = z.enum(['approve', 'deny', 'wait', 'none']);
export type GateAnswer = z.infer<typeof gateAnswer>;

/** A gate of the ramp: before or after a stage. */
const gate = { stage: z.int().min(0), when: z.enum(['before', 'after']), gate: z.string().min(1) };

/** What people are told without anything being ordered; once each, unless said otherwise. */
export const alertKind = z.enum([
  'control-unhealthy',
  'control-recovered',
  'watched-shift',
  'inconsistent-reports',
  /** A variant answers with another configuration than the experiment declares: again where it is another one than was told. */
  'foreign-configuration',
  'outlying-value',
  'few-new-units',
  'too-late',
  'contested',
  /** By a guardrail on trial the candidate would have been rolled back: once for each. */
  'dry-run-harm',
]);
export type AlertKind = z.infer<typeof alertKind>;

/**
 * What was decided, in order: the log from which every state is rebuilt. An event that changes the allocation carries the
 * command that is published, word for word, so the log is also the audit of what routers were told and why.
 */
export const deliveryEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('defined'), ...happened, ...definitionGiven }),
  /**
   * How the revision is judged and shown has changed, not what is compared: units, evidence and allocation stay. `lapsed`: stages whose approval has to be given
   * again; absent: none, and in events of before.
   */
  z.object({
    type: z.literal('policy-changed'),
    ...happened,
    ...definitionGiven,
    lapsed: z.array(z.int().min(0)).optional(),
  }),
  z.object({ type: z.literal('started'), ...commanded }),
  z.object({ type: z.literal('advanced'), ...commanded }),
  z.object({ type: z.literal('held'), ...commanded, causes: z.array(holdCause).min(1) }),
  z.object({ type: z.literal('recovered'), ...commanded }),
  z.object({ type: z.literal('paused'), ...commanded }),
  /** It is over for everybody, and lists leave it out; its log stays. */
  z.object({ type: z.literal('archived'), ...happened, note: z.string() }),
  z.object({ type: z.literal('resumed'), ...commanded }),
  z.object({ type: z.literal('approval-awaited'), ...happened, stage: z.int().min(0), message: z.string() }),
  z.object({ type: z.literal('approved'), ...happened, stage: z.int().min(0), note: z.string() }),
  /** Nothing else is missing: from now on the gate is asked. */
  z.object({ type: z.literal('gate-asked'), ...happened, ...gate, message: z.string() }),
  /** What it has answered, as often as that changes; `reason` is its own word, or why there is none. */
  z.object({
    type: z.literal('gate-answered'),
    ...happened,
    ...gate,
    answer: gateAnswer,
    reason: z.string(),
    message: z.string(),
  }),
  /** The present order under a larger epoch: a router has not followed it. */
  z.object({ type: z.literal('reissued'), ...commanded }),
  z.object({ type: z.literal('promoted'), ...commanded }),
  z.object({ type: z.literal('rolled-back'), ...commanded }),
  z.object({
    type: z.literal('concluded'),
    ...commanded,
    /** `passed`: a shadow that nothing followed, by whose pairs a share of the traffic may be served. */
    outcome: z.enum(['winner', 'futile', 'inconclusive', 'passed']),
    /** The variant that keeps the traffic; null when nobody won. */
    winner: z.string().nullable(),
  }),
  /** A candidate of several was proven harmful: its traffic goes to control, the test goes on with the others. */
  z.object({ type: z.literal('arm-dropped'), ...commanded, variant: z.string() }),
  /** A candidate that serves nobody was proven harmful after the end: nothing is ordered, it is latched. */
  z.object({ type: z.literal('arm-disqualified'), ...happened, variant: z.string(), message: z.string() }),
  z.object({ type: z.literal('acknowledged'), ...happened, applied: allocationApplied }),
  /** `about`: which of several things the alert is about; absent: there is one. */
  z.object({
    type: z.literal('alert-raised'),
    ...happened,
    alert: alertKind,
    message: z.string(),
    about: z.string().optional(),
  }),
]);
export type DeliveryEvent = z.infer<typeof deliveryEvent>;

/** Events that move the allocation. */
export type CommandEvent = Extract<DeliveryEvent, { readonly command: unknown }>;
