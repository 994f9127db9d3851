import {
  audienceRule,
  featureParameters,
  slotRange,
  slug,
  unitKind,
  weightsPpm,
  type Assignment,
} from '#libs/contracts';
import { z } from 'zod';
import { assign, prepareRules, type AssignmentRules } from './assign.js';
import type { Attributes } from './audience.js';
import { partOf } from './layer-slot.js';

/** What an experiment draws, as a client needs it that draws by itself: no addresses. */
const drawnState = z.object({
  experiment: slug,
  revision: z.int().min(1),
  epoch: z.int().min(0),
  stage: z.int().min(0),
  control: slug,
  variants: z.array(slug),
  weightsPpm,
  segments: z.array(z.object({ variant: slug, from: z.int(), to: z.int() })),
  audience: z.array(audienceRule),
  unit: unitKind,
  /** Control is served, since the router has lost the controller. */
  failSafe: z.boolean(),
  /** A client that has heard nothing for longer serves control; null: it goes on. */
  failSafeAfterMs: z.number().nullable(),
  /** Of variants that are features. */
  parameters: z.record(slug, featureParameters),
});
type DrawnState = z.infer<typeof drawnState>;

/** `drawn` null: nobody is drawn; `parameters` are then the baseline's, where it is a feature. */
const partState = z.object({ drawn: drawnState.nullable(), parameters: featureParameters.optional() });
type PartState = z.infer<typeof partState>;

const serviceState = z.object({
  service: slug,
  /** Of a divided service that of nobody's slot. */
  whole: partState,
  layer: z
    .object({
      unit: unitKind,
      holdoutPpm: z.int().min(0),
      slots: z.array(slotRange.extend({ part: partState })),
    })
    .optional(),
});
export type ServiceFlagState = z.infer<typeof serviceState>;

/** All that a router knows of who gets which variant. */
export const flagState = z.object({ services: z.array(serviceState) });
export type FlagState = z.infer<typeof flagState>;

/** Who a flag is evaluated for. */
export interface FlagAsker {
  readonly unit: string;
  readonly attributes?: Attributes;
  /** ISO 8601. */
  readonly askedAt?: string;
}

/** What a flag says. */
export interface FlagAnswer {
  /** Name of the variant, or its parameters; undefined: the caller's own default holds. */
  readonly value: unknown;
  /** null: nobody is drawn. */
  readonly assignment: Assignment | null;
  /** Its value is all that there is of the variant: whoever was told it has met the variant. */
  readonly isExposure: boolean;
}

/**
 * The flag of a service for one unit: what a router would answer that knows the same.
 * @param silentMs for how long nothing was heard of the router
 */
export function evaluateState(state: ServiceFlagState, asker: FlagAsker, silentMs: number): FlagAnswer {
  const { drawn, parameters } = partFor(state, asker.unit);
  if (!drawn) return { value: parameters, assignment: null, isExposure: false };
  const isSilent = drawn.failSafeAfterMs !== null && silentMs > drawn.failSafeAfterMs;
  const assignment = assign(rulesOf(drawn), {
    unit: asker.unit,
    attributes: asker.attributes ?? {},
    failSafe: drawn.failSafe || isSilent,
    ...(asker.askedAt === undefined ? {} : { assignedAt: asker.askedAt }),
  });
  const own = drawn.parameters[assignment.variant];
  return { value: own ?? assignment.variant, assignment, isExposure: own !== undefined };
}

function partFor({ service, whole, layer }: ServiceFlagState, unit: string): PartState {
  if (!layer) return whole;
  const part = partOf({ layer: service, holdoutPpm: layer.holdoutPpm, slots: layer.slots }, unit);
  return typeof part === 'string' || !part.part.drawn ? whole : part.part;
}

/** Made once for each state that is received. */
const prepared = new WeakMap<DrawnState, AssignmentRules>();

function rulesOf(drawn: DrawnState): AssignmentRules {
  const known = prepared.get(drawn);
  if (known) return known;
  const rules = prepareRules(drawn);
  prepared.set(drawn, rules);
  return rules;
}
