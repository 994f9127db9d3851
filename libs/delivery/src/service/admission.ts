import { candidatesOf, type ExperimentSpec, type ServedConfig } from '#libs/contracts';
import type { DeliveryEvent } from '../events.js';
import type { DeliveryInput } from '../inputs.js';
import { DecisionRefusedError } from '../operator/refusal.js';
import type { DefinedState, DeliveryState } from '../state.js';
import { askedSlot, isDivided, slotHeldBy } from './slots.js';
import type { ServiceBaseline, ServiceState } from './state.js';

type Definition = Pick<DefinedState, 'experiment' | 'spec' | 'fingerprints'>;

/**
 * Refuses to define or start what the service can't take: another experiment has its slot, or tries the same, control is not the baseline, or a candidate was rolled back
 * before and nobody has asked for a retry.
 * @param events what would follow
 * @throws DecisionRefusedError with what helps.
 */
export function refuseStart(
  service: ServiceState,
  state: DeliveryState,
  events: readonly DeliveryEvent[],
  input: DeliveryInput,
): void {
  const definition = definitionIn(events) ?? startedDraft(state, events);
  if (!definition) return;
  refuseClosed(service);
  refuseTakenSlot(service, definition);
  refuseOtherUnit(service, definition);
  refuseTriedBeside(service, definition);
  refuseOtherControl(service, definition);
  if (input.type !== 'new-attempt') refuseLatched(service, definition);
}

function definitionIn(events: readonly DeliveryEvent[]): Definition | undefined {
  for (const event of events) if (event.type === 'defined') return event.definition;
  return undefined;
}

/** A draft that waited for its approval starts now: the service may have changed meanwhile. */
function startedDraft(state: DeliveryState, events: readonly DeliveryEvent[]): Definition | undefined {
  return state.phase === 'draft' && events.some(({ type }) => type === 'started') ? state : undefined;
}

function refuseClosed({ service, mode }: ServiceState): void {
  if (mode === undefined) return;
  throw new DecisionRefusedError(
    `service-${mode}`,
    `${service} is ${mode}, and nothing begins on it: POST /v1/services/${service}/resume first`,
  );
}

function refuseTakenSlot(service: ServiceState, { experiment, spec }: Definition): void {
  const slot = askedSlot(service, spec);
  if (slot === undefined) throw noSuchSlot(service, spec);
  const own = slotHeldBy(service, experiment);
  if (own !== undefined && own.id !== slot.id) {
    throw new DecisionRefusedError(
      'slot-is-fixed',
      `${experiment} has slot ${own.id} of ${service.service}, and a revision can't move it to ${slot.id}: let it end first, or give the file another key`,
    );
  }
  const { heldBy } = slot;
  if (heldBy === null || heldBy.experiment === experiment) return;
  const whose = isDivided(service) ? `slot ${slot.id} of ${service.service}` : service.service;
  const where = isDivided(service) ? 'in a slot' : 'on a service';
  throw new DecisionRefusedError(
    'slot-taken',
    `${whose} runs experiment ${heldBy.experiment} (revision ${heldBy.revision}), and one experiment runs ${where} at a time: let it end, or roll it back with POST /v1/experiments/${heldBy.experiment}/rollback`,
  );
}

function noSuchSlot(service: ServiceState, { slot }: ExperimentSpec): DecisionRefusedError {
  const ids = service.slots.map(({ id }) => id).join(', ') || 'none';
  const message = isDivided(service)
    ? `${service.service} is divided into slots, and ${slot === undefined ? 'the file names none' : `"${slot}" is none of them`}: expected slot: one of ${ids}`
    : `${service.service} has no slot "${slot}": it is not divided. Leave slot out, or divide it with PUT /v1/services/${service.service}/slots`;
  return new DecisionRefusedError('unknown-slot', message);
}

/** All experiments of a divided service draw the same units: a session of one would meet a user of another. */
function refuseOtherUnit(service: ServiceState, { experiment, spec }: Definition): void {
  if (!isDivided(service) || spec.unit === service.unit) return;
  throw new DecisionRefusedError(
    'other-unit',
    `${service.service} divides its ${service.unit}s into slots, and ${experiment} randomises by ${spec.unit}: expected unit: ${service.unit}`,
  );
}

/** What is harmful in one slot would go on in the other. */
function refuseTriedBeside(service: ServiceState, { experiment, spec, fingerprints }: Definition): void {
  for (const name of candidatesOf(spec)) {
    const fingerprint = fingerprints[name] as string;
    if (fingerprint === fingerprints[spec.control]) continue;
    const beside = service.slots.find(
      ({ heldBy }) => heldBy !== null && heldBy.experiment !== experiment && heldBy.candidates.includes(fingerprint),
    );
    if (!beside) continue;
    throw new DecisionRefusedError(
      'tried-in-another-slot',
      `${name} of ${experiment} is what ${beside.heldBy?.experiment} tries in slot ${beside.id} of ${service.service}: one experiment tries a configuration at a time`,
    );
  }
}

function refuseOtherControl({ service, baseline }: ServiceState, { experiment, spec, fingerprints }: Definition): void {
  if (baseline === null || fingerprints[spec.control] === baseline.fingerprint) return;
  const control = spec.variants[spec.control] as { readonly config: ServedConfig };
  throw new DecisionRefusedError(
    'control-is-not-the-baseline',
    `Control of ${experiment} is not what ${service} serves: ${differences(control.config, baseline)}. Write the baseline as control (GET /v1/services/${service} shows it), or, if the service was changed by other means, say so with POST /v1/services/${service}/baseline`,
  );
}

function refuseLatched({ service, latched }: ServiceState, { spec, fingerprints }: Definition): void {
  for (const name of candidatesOf(spec)) {
    const fingerprint = fingerprints[name];
    const latch = fingerprint === undefined || !Object.hasOwn(latched, fingerprint) ? undefined : latched[fingerprint];
    if (!latch) continue;
    throw new DecisionRefusedError(
      'fingerprint-latched',
      `${name} (fingerprint ${fingerprint}) was rolled back from ${service} by experiment ${latch.experiment} revision ${latch.revision}: “${latch.message}”. It comes back only on purpose: POST /v1/services/${service}/retry with {"fingerprint": "${fingerprint}", "reason": "…"}, then apply the file again`,
    );
  }
}

/** "steps is 12, the baseline's 24; precision is fp16, the baseline's int8". */
function differences(config: ServedConfig, { config: served }: ServiceBaseline): string {
  const names = [...new Set([...Object.keys(config), ...Object.keys(served)])].sort();
  const differing = names.filter((name) => JSON.stringify(config[name]) !== JSON.stringify(served[name]));
  return differing.map((name) => `${name} is ${shown(config[name])}, the baseline's ${shown(served[name])}`).join('; ');
}

function shown(value: unknown): string {
  return value === undefined ? 'not given' : typeof value === 'string' ? value : JSON.stringify(value);
}
