import { expect } from 'vitest';
import {
  decider,
  DecisionRefusedError,
  deliveryEvent,
  initialState,
  rebuild,
  type DeliveryEvent,
  type DeliveryInput,
  type DeliveryState,
  type RefusalCode,
} from '#libs/delivery';

/** Inputs in the order in which they came, and the log they led to. */
export function logOf(...inputs: readonly DeliveryInput[]): readonly DeliveryEvent[] {
  let state: DeliveryState = initialState;
  const log: DeliveryEvent[] = [];
  for (const input of inputs) {
    const events = decider.decide(state, input);
    state = events.reduce(decider.evolve, state);
    log.push(...events);
  }
  return log;
}

export interface Expectations {
  /** The events, each by the fields that matter. */
  thenDecided(...expected: readonly ExpectedEvent[]): void;
  thenNothing(): void;
  thenRefused(code: RefusalCode, message?: RegExp): void;
  /** What it led to, for a closer look. */
  readonly events: () => readonly DeliveryEvent[];
  readonly state: () => DeliveryState;
}

export interface ExpectedEvent {
  readonly type: DeliveryEvent['type'];
  readonly [field: string]: unknown;
}

/**
 * `given(past…).when(input).thenDecided(events…)`. The past is given as the inputs that led to it, so that it is always a past that can
 * happen; it goes through the log's own schema, as it does when it comes from the database.
 */
export function given(...past: readonly DeliveryInput[]): { when(input: DeliveryInput): Expectations } {
  const log = deliveryEvent.array().parse(JSON.parse(JSON.stringify(logOf(...past))));
  return {
    when(input) {
      const before = rebuild(log);
      const events = (): readonly DeliveryEvent[] => decider.decide(before, input);
      return {
        events,
        state: () => events().reduce(decider.evolve, before),
        thenDecided: (...expected) => expect(events()).toMatchObject(asMatchers(expected) as object[]),
        thenNothing: () => expect(events()).toEqual([]),
        thenRefused(code, message = /./) {
          const refusal = refusalOf(events);
          expect(refusal).toMatchObject({ code });
          expect(refusal?.message).toMatch(message);
        },
      };
    },
  };
}

/** A pattern is one of the text that stands there; by itself it would be an object without fields, which every value matches. */
function asMatchers(expected: unknown): unknown {
  if (expected instanceof RegExp) return expect.stringMatching(expected);
  if (Array.isArray(expected)) return expected.map(asMatchers);
  if (typeof expected !== 'object' || expected === null || 'asymmetricMatch' in expected) return expected;
  return Object.fromEntries(Object.entries(expected).map(([field, value]) => [field, asMatchers(value)]));
}

/** What an order is refused with; undefined: it is not. @throws what is no refusal. */
export function refusalOf(run: () => unknown): DecisionRefusedError | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof DecisionRefusedError) return error;
    throw error;
  }
  return undefined;
}
