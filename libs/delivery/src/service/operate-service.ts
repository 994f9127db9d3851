import type { PublicRoute } from '#libs/contracts';
import { DecisionRefusedError } from '../operator/refusal.js';
import type { ServiceEvent } from './events.js';
import { isSameBaseline } from './served.js';
import type { ServiceBaseline, ServiceState } from './state.js';

interface ServiceOrder {
  readonly atMs: number;
  readonly actor: string;
  /** Why, in the operator's words. */
  readonly note: string;
}

/** The service is served otherwise than the last experiment left it. */
export interface SetBaseline extends ServiceOrder {
  readonly type: 'set-baseline';
  readonly baseline: Omit<ServiceBaseline, 'route'>;
  /** null: none any more; undefined: as it is. */
  readonly route?: PublicRoute | null | undefined;
}

/** A configuration that was rolled back may be tried again. */
export interface Retry extends ServiceOrder {
  readonly type: 'retry';
  readonly fingerprint: string;
}

export type ServiceInput = SetBaseline | Retry;

/**
 * What follows from an order about a service itself; nothing where everything is as ordered.
 * @throws DecisionRefusedError when its state forbids it.
 */
export function operateService(state: ServiceState, input: ServiceInput): readonly ServiceEvent[] {
  return input.type === 'set-baseline' ? setBaseline(state, input) : liftLatch(state, input);
}

function setBaseline(state: ServiceState, input: SetBaseline): readonly ServiceEvent[] {
  const { atMs, actor, note } = input;
  const { service, heldBy, epoch } = state;
  if (heldBy !== null) {
    throw new DecisionRefusedError(
      'slot-taken',
      `${service} runs experiment ${heldBy.experiment}, whose control is the baseline: let it end or roll it back before the baseline is set`,
    );
  }
  const route = input.route === undefined ? state.baseline?.route : (input.route ?? undefined);
  const baseline = { ...input.baseline, ...(route === undefined ? {} : { route }) };
  if (isSameBaseline(state.baseline, baseline)) return [];
  const set: ServiceEvent = { type: 'baseline-set', atMs, actor, baseline, epoch: epoch + 1, note };
  const { fingerprint } = baseline;
  // What is served on purpose is not held back.
  const isLatched = Object.hasOwn(state.latched, fingerprint);
  return isLatched ? [set, { type: 'latch-lifted', atMs, actor, fingerprint, note }] : [set];
}

function liftLatch(
  { service, latched }: ServiceState,
  { atMs, actor, note, fingerprint }: Retry,
): readonly ServiceEvent[] {
  if (Object.hasOwn(latched, fingerprint)) return [{ type: 'latch-lifted', atMs, actor, fingerprint, note }];
  const known = Object.keys(latched).join(', ') || 'none';
  throw new DecisionRefusedError(
    'nothing-to-retry',
    `No configuration with fingerprint "${fingerprint}" was rolled back from ${service}; expected one of: ${known}`,
  );
}
