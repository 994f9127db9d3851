import { DEFAULT_ROPE } from '#libs/contracts';

/** Version of the decision events that this code writes; it is kept with each of them. */
export const EVENT_VERSION = 2;

type Stored = Readonly<Record<string, unknown>>;

/** What an event of a version is in the next one, by the version it has. A stored event is never rewritten: it is read like this. */
const TO_THE_NEXT: Readonly<Record<number, (event: Stored) => Stored>> = {
  1: withRope,
};

/**
 * A stored decision event as the present code knows it. Events of before versions were kept are of version 1.
 * @throws RangeError for a version that only newer code knows.
 */
export function upcast(data: unknown): unknown {
  if (data === null || typeof data !== 'object') return data;
  let { eventVersion: version = 1, ...event } = data as Stored & { readonly eventVersion?: unknown };
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version > EVENT_VERSION) {
    throw new RangeError(`it has version ${String(version)}; this service reads 1 to ${EVENT_VERSION}`);
  }
  for (; (version as number) < EVENT_VERSION; version = (version as number) + 1) {
    event = (TO_THE_NEXT[version as number] as (event: Stored) => Stored)(event);
  }
  return event;
}

/** Definitions of before there was a region of practical equivalence have the one that holds by default. */
function withRope(event: Stored): Stored {
  const { definition } = event as { readonly definition?: { readonly spec?: Stored } };
  if (!definition?.spec || 'rope' in definition.spec) return event;
  return { ...event, definition: { ...definition, spec: { ...definition.spec, rope: DEFAULT_ROPE } } };
}
