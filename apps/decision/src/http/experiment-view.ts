import {
  allocationApplied,
  allocationCommanded,
  experimentPhase,
  experimentSpec,
  shadowStage,
  slug,
  timestamp,
  weightsPpm,
  type ExperimentSpec,
} from '#libs/contracts';
import {
  awaitedGates,
  deadlineAtMs,
  isActive,
  isBeforeRamp,
  isInShadow,
  servedByEnded,
  type DefinedState,
  type StartedState,
} from '#libs/delivery';
import { z } from 'zod';
import type { OrderFollowUp } from '../routers/order-follow-up.js';
import type { Parked } from '../deciding/parking.js';
import type { Quarantined } from '../deciding/quarantine.js';

/** An experiment as the API shows it. */
export const experimentView = z
  .object({
    key: slug,
    service: slug,
    kind: z.enum(['canary', 'ab']),
    revision: z.int().min(1),
    policy: z
      .int()
      .min(0)
      .describe('How often the policy of the revision was changed: how it is judged, not what is compared.'),
    phase: experimentPhase.exclude(['quarantined']),
    epoch: z.int().min(0).describe('Of the last command; 0 before the first.'),
    stage: z
      .object({ index: z.int().min(0), of: z.int().min(1), weightPpm: z.int(), startedAt: timestamp })
      .nullable()
      .describe(
        'Where on the ramp it is, or was at its end; null before the start, in the shadow, and where the shadow was all.',
      ),
    shadow: shadowStage
      .nullable()
      .describe('While it is in its shadow: what is copied, and until when. Nobody is served by a candidate then.'),
    weightsPpm: weightsPpm.nullable().describe('The allocation that is ordered at present; null before the start.'),
    definedAt: timestamp,
    startedAt: timestamp.nullable(),
    deadlineAt: timestamp
      .nullable()
      .describe(
        'When it ends without a verdict; null when it has ended or not begun, and while it is paused: the clock stands still.',
      ),
    endedAt: timestamp.nullable(),
    archived: z.boolean().describe('Left out of the list.'),
    outcome: z
      .enum(['winner', 'futile', 'inconclusive', 'passed'])
      .nullable()
      .describe('Of a concluded experiment; `passed`: of a shadow alone, by whose pairs a share may be served.'),
    winner: slug.nullable().describe('Who has all the traffic of an experiment that was promoted or has a winner.'),
    held: z
      .object({ since: timestamp, causes: z.array(z.string()) })
      .nullable()
      .describe('Why the candidate cannot be judged at present.'),
    parked: z
      .object({ since: timestamp, reason: z.string() })
      .nullable()
      .describe(
        'Nothing can be decided about it at present, because another database session keeps its rows locked. It is tried again and again; a rollback ends a session that sits on them and does nothing.',
      ),
    unanswered: z
      .object({
        candidate: slug,
        requests: z.int().min(1),
        seconds: z.number().describe('They have had no answer for longer.'),
        expected: z.number().min(0).describe('So many would it be by control and the shares.'),
      })
      .nullable()
      .describe(
        'Requests of a candidate that have had no answer for long, more than by control: its share does not rise before they end, since what is slow is told last.',
      ),
    approvals: z.object({
      given: z.array(z.int()).describe('Stages that were approved.'),
      awaited: z.int().nullable().describe('The stage for which nothing but an approval is missing.'),
      judgements: z
        .int()
        .nullable()
        .describe('So many judgements of pictures stand for that approval; null: only a person gives it.'),
    }),
    gates: z
      .array(
        z.object({
          stage: z.int(),
          when: z.enum(['before', 'after']),
          gate: z.string(),
          askedAt: timestamp,
          answer: z.enum(['approve', 'deny', 'wait', 'none']).nullable(),
          reason: z.string(),
          awaited: z.boolean().describe('The ramp waits for it now.'),
        }),
      )
      .describe(
        'Gates of the ramp that were asked, with their newest answer; null: none yet, `none`: none could be had. `approve` and `deny` are the last word.',
      ),
    dropped: z.array(slug).describe('Candidates that were proven harmful: they get no traffic any more.'),
    lastCommand: allocationCommanded.nullable(),
    effect: z
      .enum(['ordered', 'effective', 'contested'])
      .nullable()
      .describe(
        'Whether the last command is what is served: `effective` when every live router obeys it or a newer one, `contested` when one has not in time. Null before the start.',
      ),
    acknowledgements: z.array(allocationApplied).describe('Newest answer of each router.'),
    alerts: z.array(z.object({ alert: z.string(), message: z.string(), at: timestamp })),
    fingerprints: z.record(slug, z.string()),
    spec: experimentSpec,
  })
  .meta({ id: 'Experiment' });
export type ExperimentView = z.infer<typeof experimentView>;

/** What applying a file has led to. */
const applied = z.object({
  what: z.enum(['unchanged', 'policy-changed', 'new-revision', 'new-experiment']),
  message: z.string().describe('The same in words, with every difference.'),
  dryRun: z.boolean().describe('Nothing was done: this is what would follow.'),
});
export const appliedExperimentView = experimentView.extend({ applied }).meta({ id: 'AppliedExperiment' });
export type AppliedView = Pick<z.infer<typeof appliedExperimentView>, 'applied'>;

/** An experiment whose log can't be read, as the API shows it: what is still known of it, and why no more is. */
export const quarantinedView = z
  .object({
    key: slug,
    phase: z.literal('quarantined'),
    reason: z.string().describe("What can't be read. Nothing is decided about it; a rollback can be ordered."),
    revision: z.int().min(1),
    epoch: z.int().min(0).describe('The largest of all commands that can be read.'),
    service: slug.nullable(),
    control: slug.nullable().describe('What a rollback gives all traffic.'),
    weightsPpm: weightsPpm.nullable().describe('What the last readable command ordered.'),
    lastCommand: allocationCommanded.nullable(),
  })
  .meta({ id: 'QuarantinedExperiment' });
export type QuarantinedView = z.infer<typeof quarantinedView>;

export const anyExperimentView = z.union([experimentView, quarantinedView]);
export type AnyExperimentView = ExperimentView | QuarantinedView;

type Orders = Pick<OrderFollowUp, 'effectOf' | 'parkedAs' | 'unansweredIn'>;

export function viewOf(state: DefinedState | Quarantined, orders: Orders): AnyExperimentView {
  return state.phase === 'quarantined' ? viewOfQuarantined(state) : viewOfDefined(state, orders);
}

function viewOfQuarantined({ experiment, reason, pinned }: Quarantined): QuarantinedView {
  const { revision, epoch, service, control, lastCommand } = pinned;
  return {
    key: experiment,
    phase: 'quarantined',
    reason,
    revision,
    epoch,
    service,
    control,
    weightsPpm: lastCommand?.weightsPpm ?? null,
    lastCommand,
  };
}

function viewOfDefined(state: DefinedState, orders: Orders): ExperimentView {
  const started = state.phase === 'draft' ? null : state;
  return {
    key: state.experiment,
    service: state.spec.service,
    kind: state.spec.kind,
    revision: state.revision,
    policy: state.policy,
    phase: state.phase,
    epoch: state.epoch,
    stage: started && !isBeforeRamp(started) ? stageOf(started, state.spec) : null,
    shadow: (isInShadow(state) && state.spec.shadow) || null,
    weightsPpm: started?.weightsPpm ?? null,
    definedAt: iso(state.definedAtMs),
    startedAt: started && iso(started.startedAtMs),
    deadlineAt: deadlineOf(state),
    endedAt: 'endedAtMs' in state ? iso(state.endedAtMs) : null,
    archived: state.archived === true,
    outcome: state.phase === 'concluded' ? state.outcome : null,
    winner: winnerOf(state),
    held: state.phase === 'held' ? { since: iso(state.heldAtMs), causes: [...state.causes] } : null,
    parked: parkedOf(orders.parkedAs(state.experiment)),
    unanswered: started && orders.unansweredIn(started),
    approvals: approvalsOf(state),
    gates: gatesIn(state),
    dropped: [...(started?.dropped ?? [])],
    lastCommand: started?.lastCommand ?? null,
    effect: (started && orders.effectOf(started)?.state) ?? null,
    acknowledgements: started ? Object.values(started.acknowledgements) : [],
    alerts: (started?.alerts ?? []).map(({ alert, message, atMs }) => ({ alert, message, at: iso(atMs) })),
    fingerprints: { ...state.fingerprints },
    spec: state.spec,
  };
}

function gatesIn(state: DefinedState): ExperimentView['gates'] {
  const awaited = new Set(awaitedGates(state));
  return (state.gates ?? []).map((asked) => {
    const { askedAtMs, ...gate } = asked;
    return { ...gate, askedAt: iso(askedAtMs), awaited: awaited.has(asked) };
  });
}

function approvalsOf({ approvedStages, awaitsApprovalOf, spec }: DefinedState): ExperimentView['approvals'] {
  const asked = awaitsApprovalOf === null ? undefined : spec.ramp.stages[awaitsApprovalOf];
  return { given: [...approvedStages], awaited: awaitsApprovalOf, judgements: asked?.judgements ?? null };
}

function winnerOf(state: DefinedState): string | null {
  if (state.phase === 'promoted') return servedByEnded(state);
  return state.phase === 'concluded' ? state.winner : null;
}

function parkedOf(parked: Parked | undefined): ExperimentView['parked'] {
  return parked ? { since: iso(parked.sinceMs), reason: parked.reason } : null;
}

function deadlineOf(state: DefinedState): string | null {
  const atMs = isActive(state) ? deadlineAtMs(state) : null;
  return atMs === null ? null : iso(atMs);
}

function stageOf({ stage, stageStartedAtMs }: StartedState, { ramp }: ExperimentSpec): ExperimentView['stage'] {
  return {
    index: stage,
    of: ramp.stages.length,
    weightPpm: ramp.stages[stage]?.weightPpm ?? 0,
    startedAt: iso(stageStartedAtMs),
  };
}

/** The last moment a date can name; a deadline of long ago may lie behind it. */
const LAST_MOMENT_MS = 8.64e15;

function iso(atMs: number): string {
  return new Date(Math.min(atMs, LAST_MOMENT_MS)).toISOString();
}
