import { candidatesOf } from '#libs/contracts';
import { servesCandidates } from '../allocation.js';
import type { CommandEvent, DeliveryEvent } from '../events.js';
import type { DeliveryInput } from '../inputs.js';
import type { DefinedState } from '../state.js';
import type { ServiceEvent } from './events.js';
import { isSameBaseline, variantAsBaseline } from './served.js';
import type { ServiceState } from './state.js';

/**
 * What an experiment's event means for its service: the first start makes control the baseline, a start takes the slot, a promotion makes the winner
 * the baseline, a rollback latches what was rolled back, and an end frees the slot.
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
  if (!('command' in event)) return [];
  const { atMs, actor, command } = event;
  const { experiment, revision, epoch } = command;
  const commanded: ServiceEvent = { type: 'commanded', atMs, actor, experiment, revision, epoch };
  return [commanded, ...ofCommand(service, after, event)];
}

function ofCommand(service: ServiceState, after: DefinedState, event: CommandEvent): readonly ServiceEvent[] {
  const { control } = after.spec;
  switch (event.type) {
    case 'started':
      return [...takeSlot(service, event), ...setBaseline(service, after, event, control)];
    case 'promoted':
      return [...setBaseline(service, after, event, winnerOf(event, control)), ...freeSlot(service, event)];
    case 'rolled-back':
      return [
        ...latchCandidates(service, after, event),
        ...(isHeldOrFree(service, event) ? setBaseline(service, after, event, control) : []),
        ...freeSlot(service, event),
      ];
    case 'concluded':
      if (event.winner === null && servesCandidates(after.spec, event.command.weightsPpm)) return [];
      return [...setBaseline(service, after, event, event.winner ?? control), ...freeSlot(service, event)];
    default:
      return [];
  }
}

function takeSlot({ heldBy }: ServiceState, event: CommandEvent): readonly ServiceEvent[] {
  const { experiment, revision } = event.command;
  if (heldBy?.experiment === experiment && heldBy.revision === revision) return [];
  return [{ type: 'slot-taken', atMs: event.atMs, actor: event.actor, experiment, revision }];
}

function freeSlot({ heldBy }: ServiceState, { atMs, actor, command }: CommandEvent): readonly ServiceEvent[] {
  if (heldBy?.experiment !== command.experiment) return [];
  return [{ type: 'slot-freed', atMs, actor, experiment: command.experiment, revision: command.revision }];
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

/** What the command was about: the arm that it names, or every candidate. What control is made of is never latched. */
function latchCandidates(
  { latched }: ServiceState,
  { spec, fingerprints }: DefinedState,
  { atMs, actor, command }: CommandEvent,
): readonly ServiceEvent[] {
  const { experiment, revision, message, evidence } = command;
  const named = evidence?.candidate;
  const names = named === null || named === undefined ? candidatesOf(spec) : [named];
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

function isHeldOrFree({ heldBy }: ServiceState, { command }: CommandEvent): boolean {
  return heldBy === null || heldBy.experiment === command.experiment;
}

function winnerOf({ command: { weightsPpm } }: CommandEvent, control: string): string {
  const [winner] = Object.entries(weightsPpm).toSorted(([, left], [, right]) => right - left)[0] ?? [control];
  return winner;
}
