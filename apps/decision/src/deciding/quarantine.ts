import { allocationCommanded, MILLION, slug, weightsPpm, type AllocationCommanded } from '#libs/contracts';
import {
  rollBackUnreadable,
  type CommandEvent,
  type DeliveryEvent,
  type DeliveryInput,
  type Operate,
  type ServiceEvent,
  type ServiceState,
} from '#libs/delivery';
import type { StoredDecisionEvent } from '#libs/persistence/decision';
import { z } from 'zod';

/**
 * An experiment whose log can't be read, or about which nothing can be decided. The others go on without it; an operator can roll it back to the
 * control that its log still tells.
 */
export interface Quarantined {
  readonly phase: 'quarantined';
  readonly experiment: string;
  readonly reason: string;
  readonly pinned: Pinned;
}

/** What can still be read of a log, whatever else is broken in it. */
export interface Pinned {
  readonly revision: number;
  /** No command of the log had a larger one, readable or not; 0 before the first. */
  readonly epoch: number;
  readonly service: string | null;
  readonly control: string | null;
  readonly variants: readonly string[];
  /** The newest command of the newest revision; null where there is none, and where it can't be read. */
  readonly lastCommand: AllocationCommanded | null;
}

/** The parts of a definition and of a command that a rollback needs, read by themselves. */
const definitionParts = z.object({
  definition: z.object({
    revision: z.int().min(1),
    spec: z.object({ service: slug, control: slug, variants: z.record(slug, z.unknown()) }),
  }),
});
const commandParts = z.object({
  command: z.object({
    epoch: z.int().min(1),
    revision: z.int().min(1).optional().catch(undefined),
    service: slug.optional().catch(undefined),
    weightsPpm: weightsPpm.optional().catch(undefined),
  }),
});

/** Kinds of decision events that order nothing. */
const WITHOUT_COMMAND: ReadonlySet<string> = new Set<DeliveryEvent['type']>([
  'defined',
  'policy-changed',
  'arm-disqualified',
  'archived',
  'approval-awaited',
  'approved',
  'gate-asked',
  'gate-answered',
  'acknowledged',
  'alert-raised',
]);

const NOTHING: Pinned = { revision: 1, epoch: 0, service: null, control: null, variants: [], lastCommand: null };

/** The control, service and epoch that the last readable definition and commands of a log tell. */
export function pinnedBy(stored: readonly StoredDecisionEvent[]): Pinned {
  return stored.reduce<Pinned>((before, { kind, revision, data }) => {
    // Of an older revision nothing is in force any more, also where the new definition can't be read.
    const pinned = revision > before.revision ? { ...before, revision, lastCommand: null } : before;
    const definition = definitionParts.safeParse(data).data?.definition;
    if (definition) return withDefinition(pinned, definition);
    return WITHOUT_COMMAND.has(kind) ? pinned : withCommand(pinned, data);
  }, NOTHING);
}

function withDefinition(pinned: Pinned, { revision, spec }: z.infer<typeof definitionParts>['definition']): Pinned {
  const { service, control, variants } = spec;
  const lastCommand = pinned.lastCommand?.revision === revision ? pinned.lastCommand : null;
  return { ...pinned, revision, service, control, variants: Object.keys(variants), lastCommand };
}

/** A command that can't be read had an epoch too, a larger one than all before it, and routers have seen it. */
function withCommand(pinned: Pinned, data: unknown): Pinned {
  const command = commandParts.safeParse(data).data?.command;
  if (!command) return { ...pinned, epoch: pinned.epoch + 1, lastCommand: null };
  const whole = allocationCommanded.safeParse((data as { readonly command: unknown }).command);
  return {
    revision: command.revision ?? pinned.revision,
    epoch: Math.max(pinned.epoch + 1, command.epoch),
    service: command.service ?? pinned.service,
    control: pinned.control,
    variants: command.weightsPpm ? Object.keys(command.weightsPpm) : pinned.variants,
    lastCommand: whole.data ?? null,
  };
}

/** What an input leads to in quarantine: an operator's rollback, and nothing else. */
export function followInQuarantine(
  state: Quarantined,
  service: ServiceState | undefined,
  input: DeliveryInput,
): {
  readonly events: readonly CommandEvent[];
  readonly serviceEvents: readonly ServiceEvent[];
  readonly after: Quarantined;
} {
  if (!('actor' in input)) return { events: [], serviceEvents: [], after: state };
  if (input.type !== 'rollback') {
    throw new QuarantinedError(
      `${state.experiment} is quarantined: nothing but a rollback to its control can be ordered, since ${state.reason}`,
    );
  }
  if (isRolledBack(state)) return { events: [], serviceEvents: [], after: state };
  const epoch = Math.max(state.pinned.epoch, service?.epoch ?? 0);
  const rollback = rollBackQuarantined({ ...state, pinned: { ...state.pinned, epoch } }, input);
  const { event, serviceEvents } = service
    ? rollBackUnreadable(service, rollback)
    : { event: rollback, serviceEvents: [] };
  const pinned = { ...state.pinned, epoch: event.command.epoch, lastCommand: event.command };
  return { events: [event], serviceEvents, after: { ...state, pinned } };
}

/** Whether the newest command of all, and of this revision, gave control all traffic for good. */
function isRolledBack({ pinned: { lastCommand, epoch, revision } }: Quarantined): boolean {
  return (
    lastCommand?.command === 'rollback' &&
    lastCommand.terminal &&
    lastCommand.epoch === epoch &&
    lastCommand.revision === revision
  );
}

/** Why an order about a quarantined experiment can't be obeyed. Trying again does not help; what would is in the message. */
export class QuarantinedError extends Error {
  override readonly name = 'QuarantinedError';
}

/**
 * Everything to the pinned control, under an epoch that no router has seen.
 * @throws QuarantinedError where the log does not tell even the control.
 */
function rollBackQuarantined(quarantined: Quarantined, order: Operate): CommandEvent {
  const { experiment, pinned } = quarantined;
  const { service, control, epoch, revision, variants } = pinned;
  if (service === null || control === null) {
    throw new QuarantinedError(
      `${experiment} is quarantined, and its log tells no service and control to roll back to: ${quarantined.reason}`,
    );
  }
  const command: AllocationCommanded = {
    commandId: order.commandId,
    experiment,
    service,
    revision,
    epoch: epoch + 1,
    command: 'rollback',
    stage: 0,
    weightsPpm: { ...Object.fromEntries(variants.map((name) => [name, 0])), [control]: MILLION },
    reason: 'operator',
    message: `Rolled back from quarantine by ${order.actor}${order.note === '' ? '' : `: ${order.note}`}`,
    evidence: null,
    actor: order.actor,
    commandedAt: new Date(order.atMs).toISOString(),
    terminal: true,
  };
  return { type: 'rolled-back', atMs: order.atMs, actor: order.actor, command };
}
