import { z } from 'zod';
import { margin, metricAnalysis } from '#libs/contracts';

/**
 * What commands read of the servers' answers, and no more: fields that a newer server adds, or leaves out where they say nothing here, are no reason
 * to fail.
 */
const order = z.looseObject({
  command: z.string(),
  reason: z.string(),
  message: z.string(),
  actor: z.string(),
  commandedAt: z.string(),
});

export const experimentAnswer = z.looseObject({
  key: z.string(),
  phase: z.string(),
  revision: z.number(),
  epoch: z.number().optional(),
  service: z.string().nullish(),
  kind: z.string().optional(),
  /** Of a quarantined one: why. */
  reason: z.string().optional(),
  stage: z.looseObject({ index: z.number(), of: z.number(), weightPpm: z.number() }).nullish(),
  shadow: z.looseObject({}).nullish(),
  weightsPpm: z.record(z.string(), z.number()).nullish(),
  deadlineAt: z.string().nullish(),
  outcome: z.string().nullish(),
  winner: z.string().nullish(),
  held: z.looseObject({ since: z.string(), causes: z.array(z.string()) }).nullish(),
  parked: z.looseObject({ reason: z.string() }).nullish(),
  unanswered: z
    .looseObject({ candidate: z.string(), requests: z.number(), seconds: z.number(), expected: z.number() })
    .nullish(),
  approvals: z.looseObject({ awaited: z.number().nullable(), judgements: z.number().nullish() }).optional(),
  gates: z
    .array(
      z.looseObject({
        stage: z.number(),
        when: z.string(),
        gate: z.string(),
        answer: z.string().nullable(),
        reason: z.string(),
        /** Of a server of before: not told. */
        awaited: z.boolean().optional(),
      }),
    )
    .default([]),
  lastCommand: order.nullish(),
  effect: z.string().nullish(),
  alerts: z.array(z.looseObject({ message: z.string(), at: z.string() })).default([]),
  fingerprints: z.record(z.string(), z.string()).default({}),
});
export type ExperimentAnswer = z.infer<typeof experimentAnswer>;

export const appliedAnswer = experimentAnswer.extend({
  applied: z.looseObject({ what: z.string(), message: z.string() }),
});

export const experimentsAnswer = z.looseObject({ experiments: z.array(experimentAnswer) });

export const serviceAnswer = z.looseObject({
  service: z.string(),
  epoch: z.number(),
  mode: z.string(),
  baseline: z.looseObject({ upstream: z.string(), fingerprint: z.string() }).nullable(),
  heldBy: z.looseObject({ experiment: z.string() }).nullable(),
  slots: z.array(
    z.looseObject({ id: z.string(), fromPpm: z.number(), toPpm: z.number(), experiment: z.string().nullable() }),
  ),
  latched: z.array(z.looseObject({ fingerprint: z.string(), experiment: z.string(), message: z.string() })),
});
export type ServiceAnswer = z.infer<typeof serviceAnswer>;

export const servicesAnswer = z.looseObject({ services: z.array(serviceAnswer) });

const logged = z.looseObject({
  sequence: z.number(),
  kind: z.string(),
  actor: z.string(),
  at: z.string(),
  event: z.unknown(),
  analysis: z.unknown().optional(),
});
export type LoggedAnswer = z.infer<typeof logged>;

export const decisionsAnswer = z.looseObject({ decisions: z.array(logged) });
export const serviceEventsAnswer = z.looseObject({ events: z.array(logged) });

const told = z.looseObject({ message: z.string() });
const judged = metricAnalysis.loose().extend({ notes: z.array(told).default([]) });
export type MetricAnswer = z.infer<typeof judged>;

/** The reports' summary of an experiment. */
export const summaryAnswer = z.looseObject({
  experiment: z.string(),
  revision: z.number(),
  unit: z.string(),
  exposed: z.number(),
  analysedAt: z.string().nullable(),
  variants: z.array(
    z.looseObject({
      variant: z.string(),
      role: z.string(),
      weightPpm: z.number(),
      requests: z.number(),
      requestsByOutcome: z.record(z.string(), z.number()),
    }),
  ),
  control: z.string(),
  comparedWith: z.string(),
  guardrails: z.array(z.looseObject({ metric: z.string(), margin, isDryRun: z.boolean().optional() })),
  metrics: z.array(judged),
  shadow: z
    .looseObject({
      isUnderWay: z.boolean(),
      pairsWanted: z.number(),
      candidates: z.array(z.looseObject({ candidate: z.string(), n: z.number() })),
    })
    .nullish(),
  notices: z.array(told),
  healthNotes: z.looseObject({ signals: z.string(), reports: z.array(z.string()) }).nullable(),
  decisions: z.array(order.extend({ epoch: z.number() })),
  timeToRollback: z
    .looseObject({ detectionToAppliedMs: z.looseObject({ p50: z.number(), max: z.number() }).nullable() })
    .nullable(),
});
export type SummaryAnswer = z.infer<typeof summaryAnswer>;
