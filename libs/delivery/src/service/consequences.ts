import { candidatesOf, type AllocationCommanded, type ExperimentSpec, type SlotOrder } from '#libs/contracts';
import { servesCandidates } from '../allocation.js';
import type { CommandEvent, DeliveryEvent } from '../events.js';
import type { DeliveryInput } from '../inputs.js';
import type { DefinedState } from '../state.js';
import type { ServiceEvent } from './events.js';
import { isSameBaseline, variantAsBaseline } from './served.js';
import { askedSlot, runningBeside, slotHeldBy } from './slots.js';
import type { ServiceSlot, ServiceState } from './state.js';

/**
 * What an experiment's event means for its service: the first start makes control the baseline, a start takes the slot, a promotion makes the winner
 * the baseline, a rollback latches what was rolled back, and an end frees the slot. A winner beside experiments that still run in other slots keeps its
 * own instead, until an operator promotes it once more: their control is the baseline, and stays it.
 * @param after the experiment after the event
 */
export function consequences(
  service: ServiceState,
  after: DefinedState,
  event: DeliveryEvent,
  input: DeliveryInput,
): readonly ServiceEvent[] {
  if (event.type === 'defined')
    return input.type === 'new-attempt' ? liftLatches(service, after, event, input.note) : [];
  const latches = latching(service, after, event);
  if (!('command' in event)) return latches;
  return [commanded(service, after.spec, event), ...latches, ...ofCommand(service, after, event, input)];
}

function ofCommand(
  service: ServiceState,
  after: DefinedState,
  event: CommandEvent,
  input: DeliveryInput,
): readonly ServiceEvent[] {
  const { control } = after.spec;
  switch (event.type) {
    case 'started':
      return [...takeSlot(service, after, event), ...setBaseline(service, after, event, control)];
    case 'promoted':
      return won(service, after, event, servedAlone(event, control));
    case 'reissued':
      return input.type === 'promote' ? won(service, after, event, servedAlone(event, control)) : [];
    case 'rolled-back':
      return backToControl(service, after, event);
    case 'concluded':
      if (event.winner !== null) return won(service, after, event, event.winner);
      return servesCandidates(after.spec, event.command.weightsPpm) ? [] : backToControl(service, after, event);
    default:
      return [];
  }
}

/** The order, and the slot that is served by it: the experiment's, or the one that it left and nobody has taken since. */
export function commanded(
  service: ServiceState,
  spec: ExperimentSpec | undefined,
  { type, atMs, actor, command }: CommandEvent,
): ServiceEvent {
  const { experiment, revision, epoch } = command;
  const given: ServiceEvent = { type: 'commanded', atMs, actor, experiment, revision, epoch };
  const left = ({ heldBy, order }: ServiceSlot): boolean => heldBy === null && order?.experiment === experiment;
  const slot =
    type === 'started' && spec
      ? askedSlot(service, spec)
      : (slotHeldBy(service, experiment) ?? service.slots.find(left));
  return slot === undefined ? given : { ...given, slot: slot.id, order: orderIn(command) };
}

function orderIn(command: AllocationCommanded): SlotOrder {
  const { commandId, experiment, revision, epoch, command: kind, stage, weightsPpm, commandedAt, terminal } = command;
  const { shadow, segments } = command;
  const order = { commandId, experiment, revision, epoch, command: kind, stage, weightsPpm, commandedAt, terminal };
  return {
    ...order,
    ...(shadow === undefined ? {} : { shadow }),
    ...(segments === undefined ? {} : { segments }),
  };
}

function takeSlot(
  service: ServiceState,
  { spec, fingerprints }: DefinedState,
  { atMs, actor, command }: CommandEvent,
): readonly ServiceEvent[] {
  const { experiment, revision } = command;
  const slot = askedSlot(service, spec);
  if (slot === undefined || (slot.heldBy?.experiment === experiment && slot.heldBy.revision === revision)) return [];
  const control = fingerprints[spec.control];
  const candidates = candidatesOf(spec).flatMap((name) => fingerprints[name] ?? []);
  const taken: ServiceEvent = { type: 'slot-taken', atMs, actor, experiment, revision, slot: slot.id, candidates };
  return [control === undefined ? taken : { ...taken, control }];
}

/** The winner is the baseline from now on, or serves its slot alone while the baseline is another experiment's control. */
function won(service: ServiceState, after: DefinedState, event: CommandEvent, winner: string): readonly ServiceEvent[] {
  if (runningBeside(service, after.experiment).length > 0) return [];
  return [...setBaseline(service, after, event, winner), ...freeSlot(service, event, 'baseline')];
}

/** Control again. What another experiment has made the baseline meanwhile stays that, and is what the slot gets then. */
function backToControl(service: ServiceState, after: DefinedState, event: CommandEvent): readonly ServiceEvent[] {
  const served = service.baseline?.fingerprint;
  const isOurs = served === undefined || Object.values(after.fingerprints).includes(served);
  if (!isOurs) return freeSlot(service, event);
  return [...setBaseline(service, after, event, after.spec.control), ...freeSlot(service, event, 'baseline')];
}

function freeSlot(
  service: ServiceState,
  { atMs, actor, command: { experiment, revision } }: CommandEvent,
  serves?: 'baseline',
): readonly ServiceEvent[] {
  if (slotHeldBy(service, experiment) === undefined) return [];
  const freed: ServiceEvent = { type: 'slot-freed', atMs, actor, experiment, revision };
  return [serves === undefined ? freed : { ...freed, serves }];
}

function setBaseline(
  service: ServiceState,
  after: DefinedState,
  { atMs, actor, type, command }: CommandEvent,
  name: string,
): readonly ServiceEvent[] {
  const present = service.baseline;
  // A route is the service's: it outlives the experiment whose file named it.
  const route = after.spec.route ?? present?.route;
  const baseline = { ...variantAsBaseline(after, name), ...(route === undefined ? {} : { route }) };
  if (isSameBaseline(present, baseline)) return [];
  const note = `${name} of ${after.experiment} revision ${after.revision}, ${type.replaceAll('-', ' ')}`;
  return [{ type: 'baseline-set', atMs, actor, baseline, epoch: command.epoch, note }];
}

/** What the command was about: the arm that it names, or every candidate. */
function latchCandidates(service: ServiceState, after: DefinedState, event: CommandEvent): readonly ServiceEvent[] {
  const { message, evidence } = event.command;
  const named = evidence?.candidate;
  const names = named === null || named === undefined ? candidatesOf(after.spec) : [named];
  return latch(service, after, event, { names, message });
}

function latchArm(
  service: ServiceState,
  after: DefinedState,
  event: Extract<DeliveryEvent, { readonly variant: string }>,
  message: string,
): readonly ServiceEvent[] {
  return latch(service, after, event, { names: [event.variant], message });
}

/** What an experiment's event means for the latches of its service, whatever else it means. A file that was taken had none of them. */
export function latching(service: ServiceState, after: DefinedState, event: DeliveryEvent): readonly ServiceEvent[] {
  switch (event.type) {
    case 'defined':
      return liftLatches(service, after, event, event.note);
    case 'rolled-back':
      return latchCandidates(service, after, event);
    case 'arm-dropped':
      return latchArm(service, after, event, event.command.message);
    case 'arm-disqualified':
      return latchArm(service, after, event, event.message);
    default:
      return [];
  }
}

/** What control is made of is never latched. */
function latch(
  { latched }: ServiceState,
  { spec, fingerprints, experiment, revision }: DefinedState,
  { atMs, actor }: DeliveryEvent,
  { names, message }: { readonly names: readonly string[]; readonly message: string },
): readonly ServiceEvent[] {
  const controls = fingerprints[spec.control];
  const found = new Set(names.flatMap((name) => fingerprints[name] ?? []));
  return [...found]
    .filter((fingerprint) => fingerprint !== controls && !Object.hasOwn(latched, fingerprint))
    .map((fingerprint) => ({ type: 'fingerprint-latched', atMs, actor, experiment, revision, fingerprint, message }));
}

function liftLatches(
  { latched }: ServiceState,
  { spec, fingerprints }: DefinedState,
  { atMs, actor }: DeliveryEvent,
  note: string,
): readonly ServiceEvent[] {
  return candidatesOf(spec)
    .flatMap((name) => fingerprints[name] ?? [])
    .filter((fingerprint, index, all) => all.indexOf(fingerprint) === index && Object.hasOwn(latched, fingerprint))
    .map((fingerprint) => ({ type: 'latch-lifted', atMs, actor, fingerprint, note }));
}

function servedAlone({ command: { weightsPpm } }: CommandEvent, control: string): string {
  const [winner] = Object.entries(weightsPpm).toSorted(([, left], [, right]) => right - left)[0] ?? [control];
  return winner;
}
