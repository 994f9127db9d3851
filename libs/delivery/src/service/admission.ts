import { candidatesOf, type VariantConfig } from '#libs/contracts';
import type { DeliveryEvent } from '../events.js';
import type { DeliveryInput } from '../inputs.js';
import { DecisionRefusedError } from '../operator/refusal.js';
import type { DefinedState, DeliveryState } from '../state.js';
import type { ServiceBaseline, ServiceState } from './state.js';

type Definition = Pick<DefinedState, 'experiment' | 'spec' | 'fingerprints'>;

/**
 * Refuses to define or start what the service can't take: another experiment has its slot, control is not the baseline, or a candidate was rolled back
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
  refuseTakenSlot(service, definition);
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

function refuseTakenSlot({ service, heldBy }: ServiceState, { experiment }: Definition): void {
  if (heldBy === null || heldBy.experiment === experiment) return;
  throw new DecisionRefusedError(
    'slot-taken',
    `${service} runs experiment ${heldBy.experiment} (revision ${heldBy.revision}), and one experiment runs on a service at a time: let it end, or roll it back with POST /v1/experiments/${heldBy.experiment}/rollback`,
  );
}

function refuseOtherControl({ service, baseline }: ServiceState, { experiment, spec, fingerprints }: Definition): void {
  if (baseline === null || fingerprints[spec.control] === baseline.fingerprint) return;
  const control = spec.variants[spec.control] as { readonly config: VariantConfig };
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
      `${name} (fingerprint ${fingerprint}) was rolled back from ${service} by experiment ${latch.experiment} revision ${latch.revision}: “${latch.message}”. It comes back only on purpose: POST /v1/services/${service}/retry with {"fingerprint": "${fingerprint}", "actor": "…", "reason": "…"}, then apply the file again`,
    );
  }
}

/** "steps is 12, the baseline's 24; precision is fp16, the baseline's int8". */
function differences(config: VariantConfig, { config: served }: ServiceBaseline): string {
  const names = [...new Set([...Object.keys(config), ...Object.keys(served)])].sort();
  const differing = names.filter((name) => JSON.stringify(config[name]) !== JSON.stringify(served[name]));
  return differing.map((name) => `${name} is ${shown(config[name])}, the baseline's ${shown(served[name])}`).join('; ');
}

function shown(value: unknown): string {
  return value === undefined ? 'not given' : typeof value === 'string' ? value : JSON.stringify(value);
}
