import { MILLION, type Assignment, type AudienceRule, type WeightsPpm } from '#libs/contracts';
import { matchesAudience, type AudienceAsker } from './audience.js';
import { bucketOf, hashUnit, salts } from './bucket.js';
import { layoutOf, variantOf, type Layout, type Segment } from './layout.js';
import { isInSlot, type Slot } from './layer-slot.js';

/** One revision of an experiment under one epoch, prepared for answering fast. Never changed: a new epoch is a new value. */
export interface AssignmentRules {
  readonly experiment: string;
  readonly revision: number;
  readonly epoch: number;
  readonly stage: number;
  readonly control: string;
  readonly variants: readonly string[];
  readonly weightsPpm: WeightsPpm;
  readonly audience: readonly AudienceRule[];
  /** null: the experiment may use all units. */
  readonly slot: Slot | null;
  readonly layout: Layout;
  readonly salt: string;
  /** Of the audience's shares. */
  readonly audienceSalt: string;
}

export interface AssignmentQuestion extends AudienceAsker {
  /** The variant that somebody authorised asked for; unknown names are ignored. */
  readonly override?: string | undefined;
  /** The controller is lost and the experiment wants control then. */
  readonly failSafe?: boolean;
  /** When it is drawn; ISO 8601. */
  readonly assignedAt?: string;
  /** The name by which the assignment tells the unit, where that is not its own: it is drawn by its own all the same. */
  readonly toldAs?: string | undefined;
}

export function prepareRules({
  segments,
  ...given
}: Omit<AssignmentRules, 'layout' | 'salt' | 'audienceSalt' | 'slot'> & {
  readonly slot?: Slot | null;
  /** Which buckets belong to candidates, where that does not follow from the weights alone. */
  readonly segments?: readonly Segment[] | undefined;
}): AssignmentRules {
  return {
    ...given,
    slot: given.slot ?? null,
    layout: segments ? { control: given.control, segments } : layoutOf(given.control, given.variants, given.weightsPpm),
    salt: salts.arm(given.experiment, given.revision),
    audienceSalt: salts.audience(given.experiment),
  };
}

/**
 * Unit → variant, with the reason:
 *
 * | reason | variant | when |
 * |---|---|---|
 * | `OVERRIDE` | the one asked for | somebody authorised asked for an existing variant |
 * | `FAIL_SAFE` | control | the controller is lost |
 * | `DEFAULT` | control | the unit is outside the slot or the audience |
 * | `SPLIT` | drawn | everybody else |
 *
 * Only `SPLIT` is a draw: its propensity is the variant's weight under this epoch, the probability with which a unit drawn afresh
 * gets it. In every other case the variant was certain, and `weightsPpm` of the answer says so too: such events carry no
 * information about a pair of variants. The same unit gets the same answer as long as the weights stand.
 */
export function assign(rules: AssignmentRules, question: AssignmentQuestion): Assignment {
  if (question.override !== undefined && rules.variants.includes(question.override)) {
    return certain(rules, question, question.override, 'OVERRIDE');
  }
  if (question.failSafe === true) return certain(rules, question, rules.control, 'FAIL_SAFE');
  if (rules.slot && !isInSlot(rules.slot, question.unit)) return certain(rules, question, rules.control, 'DEFAULT');
  if (!matchesAudience(rules.audience, rules.audienceSalt, question))
    return certain(rules, question, rules.control, 'DEFAULT');
  const variant = variantOf(rules.layout, bucketOf(hashUnit(rules.salt, question.unit)));
  return answer(rules, question, { variant, reason: 'SPLIT', weightsPpm: rules.weightsPpm });
}

/** An assignment that was not drawn: its whole weight lies on one variant. */
export function certain(
  rules: AssignmentRules,
  question: AssignmentQuestion,
  variant: string,
  reason: Exclude<Assignment['reason'], 'SPLIT'>,
): Assignment {
  return answer(rules, question, { variant, reason, weightsPpm: wholeWeightOf(variant) });
}

/** One object for all assignments to a variant that were certain: who keeps something by the weights finds it again. */
const wholeWeights = new Map<string, WeightsPpm>();

function wholeWeightOf(variant: string): WeightsPpm {
  const known = wholeWeights.get(variant);
  if (known) return known;
  const weights = { [variant]: MILLION };
  wholeWeights.set(variant, weights);
  return weights;
}

function answer(
  rules: AssignmentRules,
  question: AssignmentQuestion,
  { variant, reason, weightsPpm }: Pick<Assignment, 'variant' | 'reason' | 'weightsPpm'>,
): Assignment {
  const { experiment, revision, control, epoch, stage } = rules;
  const propensity = (weightsPpm[variant] ?? 0) / MILLION;
  const { unit: own, toldAs: unit = own, assignedAt } = question;
  // Written out twice, since a copy would cost as much as the draw.
  return assignedAt === undefined
    ? { experiment, revision, variant, control, unit, epoch, stage, propensity, weightsPpm, reason }
    : { experiment, revision, variant, control, unit, epoch, stage, propensity, weightsPpm, reason, assignedAt };
}
