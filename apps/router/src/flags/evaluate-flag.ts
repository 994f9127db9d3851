import { encodeAssignment, type Assignment } from '#libs/contracts';
import { draw, type DrawSources } from '../proxy/draw.js';
import { baselineParameters, type ServiceRoute } from '../routing/routing-table.js';
import type { FlagContext } from './flag-context.js';

/** An evaluation that succeeded, as OFREP writes it. */
export interface FlagValue {
  readonly key: string;
  /** Absent: the client's own default. */
  readonly value?: unknown;
  readonly reason: 'SPLIT' | 'STATIC' | 'DISABLED';
  readonly variant?: string;
  readonly metadata: Readonly<Record<string, string | number>>;
}

export interface Evaluated {
  readonly flag: FlagValue;
  /** null: no experiment is in force. */
  readonly assignment: Assignment | null;
  /** Its value is all that there is of a variant: whoever is told it has met the variant. */
  readonly isExposure: boolean;
}

export interface FlagQuestion {
  readonly context: FlagContext;
  /** The variant that somebody authorised asked for. */
  readonly override?: string | undefined;
  /** ISO 8601; undefined: the answer shall be the same as long as nothing else changes. */
  readonly askedAt?: string | undefined;
}

/**
 * The flag of a service: the variant of its experiment that the unit gets, drawn as for a request that is passed on. Its value is the variant's name, of a
 * feature its parameters. Where no experiment is in force it has those of the baseline, or none, and the client's default holds.
 */
export function evaluateFlag(route: ServiceRoute, question: FlagQuestion, sources: DrawSources): Evaluated {
  const { context, override, askedAt } = question;
  const { service } = route;
  const {
    route: own,
    assigned,
    drawn,
  } = draw(
    route,
    {
      unitOf: () => ({ unit: context.unit, name: 'named' }),
      override,
      attributes: context.attributes,
      askedAt,
    },
    sources,
  );
  const slot: FlagValue['metadata'] = drawn === undefined ? {} : { slot: drawn.slot };
  if (!assigned) {
    const value = baselineParameters(own);
    const answer = value === undefined ? { reason: 'DISABLED' as const } : { value, reason: 'STATIC' as const };
    return { flag: { key: service, ...answer, metadata: { service, ...slot } }, assignment: null, isExposure: false };
  }
  const { assignment } = assigned;
  const { variant, reason, propensity } = assignment;
  return {
    flag: {
      key: service,
      value: assigned.route.parameters.get(variant) ?? variant,
      // What was no draw was certain, and so is a draw of which one variant has everything: after a rollback, before the first share.
      reason: reason === 'SPLIT' && propensity < 1 ? 'SPLIT' : 'STATIC',
      variant,
      metadata: { service, ...slot, ...factsOf(assignment) },
    },
    assignment,
    isExposure: assigned.route.parameters.has(variant),
  };
}

/** What a client needs to tell of what followed, and people to understand it. */
function factsOf(assignment: Assignment): FlagValue['metadata'] {
  const { experiment, revision, epoch, stage, propensity, reason } = assignment;
  return {
    experiment,
    revision,
    epoch,
    stage,
    propensity,
    assignmentReason: reason,
    assignment: encodeAssignment(assignment),
  };
}
