import { z } from 'zod';
import { slug, timestamp, weightsPpm } from '../names.js';

/** Why a unit got its variant. */
export const assignmentReason = z.enum(['SPLIT', 'TARGETING_MATCH', 'DEFAULT', 'OVERRIDE', 'FAIL_SAFE', 'FALLBACK']);
export type AssignmentReason = z.infer<typeof assignmentReason>;

/**
 * A request that goes through both variants: the one a person made, and its copy with the same prompt and seed, whose answer nobody sees
 * (shadow traffic). Both carry the same mark, from the moment the request is assigned.
 */
export const pairMark = z.object({
  /** Id of the request that a person made. The copy has an id of its own. */
  request: z.string().min(1),
  /** Who gets the copy. */
  candidate: slug,
  /** A short name of what was asked, the same whenever the same prompt is: of a unit and a prompt one pair is evidence. */
  prompt: z.string().min(1).max(64),
});
export type PairMark = z.infer<typeof pairMark>;

/**
 * Unit → variant, with everything the analyzer needs to judge the event by itself: the probability with which the variant
 * was drawn and the whole allocation under which that happened (A/B/n needs the propensity conditional on a pair).
 */
export const assignment = z.object({
  experiment: slug,
  revision: z.int32().min(1),
  variant: slug,
  control: slug,
  unit: z.string().min(1).max(256),
  epoch: z.int32().min(0),
  stage: z.int32().min(0),
  /** Probability of this variant for this unit under `epoch`: weightsPpm[variant] / 1e6 when reason is SPLIT. */
  propensity: z.number().min(0).max(1),
  weightsPpm,
  reason: assignmentReason,
  /**
   * When the router drew it. Scores carry it too, so coverage compares requests and scores of the same time;
   * assignments without it are left out of the coverage check.
   */
  assignedAt: timestamp.optional(),
  /** Absent: the request goes through one variant, as most do. */
  pair: pairMark.optional(),
});
export type Assignment = z.infer<typeof assignment>;

/** Whether it is the copy of a pair: nobody's experience, so that it counts nowhere but in the comparison of pairs. */
export function isCopy({ pair, variant }: Pick<Assignment, 'pair' | 'variant'>): boolean {
  return pair !== undefined && pair.candidate === variant;
}

/** HTTP header in which the router tells the upstream service (and the client) the assignment of the request. */
export const ASSIGNMENT_HEADER = 'teststrip-assignment';
/**
 * HTTP header in which the router signs the assignment and the id of a request, for the upstream service alone: who reaches that past the router
 * can't say what the router has not said.
 */
export const ASSIGNMENT_SIGNATURE_HEADER = 'teststrip-assignment-signature';
/** HTTP header that carries the request's id from the router to the inference service. */
export const REQUEST_ID_HEADER = 'teststrip-request-id';
/** HTTP header that the router gives to whoever asked, and to nobody else: with it they may say what they think of the answer. */
export const FEEDBACK_TOKEN_HEADER = 'teststrip-feedback-token';
/** HTTP header that names the unit (user, session); without it the router falls back to the request id. */
export const UNIT_HEADER = 'teststrip-unit';

/** Header value of an assignment: URL-encoded JSON, so that any HTTP stack can carry it. */
export function encodeAssignment(value: Assignment): string {
  const { unit, assignedAt, pair } = value;
  if (assignedAt === undefined || pair !== undefined || !PLAIN_UNIT.test(unit)) return encoded(value);
  const frame = frameOf(value);
  return `${frame.before}${unit}${frame.between}${assignedAt.replaceAll(':', '%3A')}${frame.after}`;
}

function encoded(value: Assignment): string {
  return encodeURIComponent(JSON.stringify(value));
}

/** What neither JSON nor a URL writes in another way. */
const PLAIN_UNIT = /^[\w.~-]+$/;

/** What is the same in the header of every unit that has the variant under one epoch. */
interface Frame {
  readonly of: Assignment;
  readonly before: string;
  readonly between: string;
  readonly after: string;
}

/** By the weights, which all assignments under one epoch share; few variants have any. */
const frames = new WeakMap<Assignment['weightsPpm'], Frame[]>();

function frameOf(value: Assignment): Frame {
  const known = frames.get(value.weightsPpm);
  const found = known?.find(({ of }) => isSameButForUnit(of, value));
  if (found) return found;
  const [before = '', between = '', after = ''] = encoded({ ...value, unit: '~~', assignedAt: '~~' }).split('~~');
  const frame = { of: value, before, between, after };
  if (known) known.push(frame);
  else frames.set(value.weightsPpm, [frame]);
  return frame;
}

function isSameButForUnit(left: Assignment, right: Assignment): boolean {
  return (
    left.variant === right.variant &&
    left.experiment === right.experiment &&
    left.epoch === right.epoch &&
    left.revision === right.revision &&
    left.control === right.control &&
    left.stage === right.stage &&
    left.propensity === right.propensity &&
    left.reason === right.reason
  );
}

/** Stands for the unit where each request is one of its own, and who wrote the assignment does not know the request's id. */
export const EACH_REQUEST = '*';

/** The assignment of one request: with the request's id for a unit where it says {@link EACH_REQUEST}. */
export function assignmentOfRequest(value: Assignment, requestId: string): Assignment {
  return value.unit === EACH_REQUEST ? { ...value, unit: requestId } : value;
}

/** Reads a header value back. Throws a ZodError or SyntaxError when it is not an assignment. */
export function decodeAssignment(header: string): Assignment {
  return assignment.parse(JSON.parse(decodeURIComponent(header)));
}

/**
 * Propensity of `candidate` among {control, candidate} only, from the allocation the event was drawn under.
 * Returns 0 or 1 where one of the two had no share: such events carry no information for the pair.
 * @param control what the candidate is compared with: the drawn control, or the experiment's baseline arm.
 */
export function propensityAgainst(drawn: Pick<Assignment, 'weightsPpm'>, candidate: string, control: string): number {
  const candidatePpm = drawn.weightsPpm[candidate] ?? 0;
  const controlPpm = drawn.weightsPpm[control] ?? 0;
  const total = candidatePpm + controlPpm;
  return total === 0 ? 0 : candidatePpm / total;
}
