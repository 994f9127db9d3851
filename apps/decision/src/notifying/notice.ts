import type { AllocationCommanded } from '#libs/contracts';
import type { DeliveryEvent } from '#libs/delivery';
import type { KnownState } from '../deciding/decision-log.js';

/** What people may be told of, in the order of an experiment's life. */
export const NOTICE_KINDS = [
  'started',
  'advanced',
  'held',
  'recovered',
  'paused',
  'resumed',
  'approval-awaited',
  'approved',
  'gate-asked',
  'gate-answered',
  'promoted',
  'rolled-back',
  'concluded',
  'arm-dropped',
  'arm-disqualified',
  'contested',
  'alarm',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** The figures of the metric that a decision rests on; those of an analysis of then. */
export interface DecidingNumbers {
  readonly metric: string | null;
  readonly variant: string | null;
  /** Units that were analysed. */
  readonly units: number;
  /** Logarithm of the evidence. */
  readonly lnE: number | null;
  readonly verdict: string | null;
  readonly unit: string | null;
  readonly control: number | null;
  readonly candidate: number | null;
  /** On `scale`. */
  readonly effect: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly scale: string | null;
  readonly analysedAt: string;
}

/** A decision as people are told of it. */
export interface DecisionNotice {
  readonly decision: NoticeKind;
  readonly experiment: string;
  readonly service: string | null;
  /** Of experiment: `canary`, `ab`; null where its log can't be read. */
  readonly kind: string | null;
  readonly revision: number;
  readonly message: string;
  readonly actor: string;
  readonly decidedAt: string;
  /** Null for what rests on no analysis, such as a person's order. */
  readonly numbers: DecidingNumbers | null;
  /** Why it is held, or what the alarm is about. */
  readonly causes: readonly string[];
  /** Shares of the traffic from now on, of a million; null where nothing was ordered. */
  readonly weightsPpm: Readonly<Record<string, number>> | null;
}

/** Undefined for what nobody waits for: definitions, routers' answers, an order that is only repeated. */
export function noticeOf(
  event: DeliveryEvent,
  after: Exclude<KnownState, { phase: 'absent' }>,
): DecisionNotice | undefined {
  const told = toldOf(event);
  if (told === undefined) return undefined;
  const command = 'command' in event ? event.command : undefined;
  const about =
    after.phase === 'quarantined'
      ? { service: after.pinned.service, kind: null, revision: after.pinned.revision }
      : { service: after.spec.service, kind: after.spec.kind, revision: after.revision };
  return {
    ...told,
    ...about,
    experiment: after.experiment,
    actor: event.actor,
    decidedAt: new Date(event.atMs).toISOString(),
    numbers: command?.evidence ? numbersOf(command.evidence) : null,
    causes: causesOf(event),
    weightsPpm: command?.weightsPpm ?? null,
  };
}

function toldOf(event: DeliveryEvent): Pick<DecisionNotice, 'decision' | 'message'> | undefined {
  switch (event.type) {
    case 'defined':
    case 'policy-changed':
    case 'reissued':
    case 'acknowledged':
    case 'archived':
      return undefined;
    case 'approved':
      return { decision: 'approved', message: event.note };
    case 'gate-answered':
      return { decision: event.answer === 'none' ? 'alarm' : 'gate-answered', message: event.message };
    case 'approval-awaited':
    case 'gate-asked':
    case 'arm-disqualified':
      return { decision: event.type, message: event.message };
    case 'alert-raised':
      return { decision: event.alert === 'contested' ? 'contested' : 'alarm', message: event.message };
    default:
      return { decision: event.type, message: event.command.message };
  }
}

function causesOf(event: DeliveryEvent): readonly string[] {
  if (event.type === 'held') return event.causes;
  if (event.type === 'gate-answered') return [event.answer === 'none' ? 'gate-silent' : event.answer];
  return event.type === 'alert-raised' ? [event.alert] : [];
}

function numbersOf(evidence: NonNullable<AllocationCommanded['evidence']>): DecidingNumbers {
  const { metric, candidate: variant, units, lnE, analysedAt, metricAnalysis: analysis } = evidence;
  return {
    metric,
    variant,
    units,
    lnE,
    verdict: analysis?.verdict ?? null,
    unit: analysis?.unit ?? null,
    control: analysis?.estimate.control ?? null,
    candidate: analysis?.estimate.candidate ?? null,
    effect: analysis?.estimate.effect ?? null,
    interval: analysis?.interval ?? null,
    scale: analysis?.scale ?? null,
    analysedAt,
  };
}
