import normalQuantile from '@stdlib/stats-base-dists-normal-quantile';
import type { Arm } from '#libs/statistics';
import type { SimulationRandom } from '#libs/testing/random';
import { shareAt, type ShareName, type Truth } from './cells.js';
import { badRateAfter, boundaryShift, driftAfter, harms, rateShift, type ValueShape } from './shapes.js';
import { SettlingBounds, type WideningBounds } from './settling-bounds.js';

/** One event as the methods see it. The same object is filled anew for every event. */
export interface Seen {
  /** 1 for the first event of the run. */
  index: number;
  isCandidate: boolean;
  arm: Arm;
  /** The candidate's share when this event's unit was assigned. */
  propensity: number;
  value: number;
  /** The unit's first event. */
  isFirst: boolean;
  /** The unit's first value of 1 (bad events only). */
  isFirstBad: boolean;
}

/** Drift goes up in so many steps of equal length; a multiple of the ramp's stages. */
const DRIFT_STEPS = 20;

/** Users that are active at a time, events of a user on average, and the share of the variance that is the user's own. */
const ACTIVE_USERS = 50;
const EVENTS_PER_USER = 5;
const OWN_SHARE = 0.5;

/** How many times as frequent the candidate's bad events and values in the lower tail are at the boundary of a relative margin. */
export const BOUNDARY_RATIO = 1.5;
/** How many times as large the candidate's values are at the boundary of the upper tail's margin. */
export const BOUNDARY_FACTOR = 1.25;
/** Below this quantile of control the lower tail's boundary ratio holds exactly. */
const LOWER_TAIL = 0.1;

export interface TrafficPlan {
  readonly shape: ValueShape;
  readonly truth: Truth;
  readonly share: ShareName;
  readonly isDrifting: boolean;
  readonly isClustered: boolean;
  readonly events: number;
  /** What betting compares; where the boundary of its margin lies depends on them, as wide as they come to be. */
  readonly bounds: WideningBounds;
  readonly margin: number;
}

/**
 * The events of one run, one after another, without allocating. A user stays in its bucket of the hash, so that a rising
 * share may move it from control to the candidate, as in production.
 */
export class MetricTraffic {
  readonly seen: Seen = {
    index: 0,
    isCandidate: false,
    arm: 'control',
    propensity: 0.5,
    value: 0,
    isFirst: true,
    isFirstBad: false,
  };
  private readonly shares = new Float64Array(DRIFT_STEPS);
  private readonly drifts = new Float64Array(DRIFT_STEPS);
  private readonly shifts = new Float64Array(DRIFT_STEPS);
  private readonly factor: number;
  private readonly hasLowerTail: boolean;
  private readonly users = { bucket: new Float64Array(ACTIVE_USERS), own: new Float64Array(ACTIVE_USERS) };
  private readonly isKnown = new Uint8Array(ACTIVE_USERS);
  private readonly hasFailed = new Uint8Array(ACTIVE_USERS);

  constructor(
    private readonly plan: TrafficPlan,
    private readonly random: SimulationRandom,
  ) {
    const { shape, truth, isDrifting } = plan;
    this.factor = truth === 'at-tail-margin' ? BOUNDARY_FACTOR : truth === 'harm' ? harms[shape.name].factor : 1;
    this.hasLowerTail = truth === 'at-lower-tail-ratio';
    const bounds = truth === 'at-margin' && shape.name !== 'binary' ? new SettlingBounds(plan.bounds, shape) : null;
    for (let step = 0; step < DRIFT_STEPS; step++) {
      const fraction = step / DRIFT_STEPS;
      this.shares[step] = shareAt(plan.share, fraction);
      this.drifts[step] = isDrifting ? driftAfter(shape.name, step / (DRIFT_STEPS - 1)) : 0;
      if (step > 0 && !isDrifting) this.shifts[step] = this.shifts[0] as number;
      else if (bounds === null) this.shifts[step] = this.shiftAfter(step / (DRIFT_STEPS - 1));
      else this.shifts[step] = this.shiftBetween(bounds, step);
    }
  }

  /** The boundary of what betting tests in a step of the drift, at bounds as wide as they have come to be. */
  private shiftBetween(bounds: SettlingBounds, step: number): number {
    const { shape, events, isClustered, isDrifting, margin } = this.plan;
    const drift = this.drifts[step] as number;
    const units = isDrifting ? events / DRIFT_STEPS / (isClustered ? EVENTS_PER_USER : 1) : Infinity;
    const shiftBefore = step === 0 ? margin : (this.shifts[step - 1] as number);
    bounds.pass(units, this.shares[step] as number, drift, shiftBefore);
    return boundaryShift(shape, drift, margin, bounds.now());
  }

  /** Fills {@link seen} with the next event. */
  next(): void {
    const { plan, random, seen } = this;
    const step = Math.floor((DRIFT_STEPS * seen.index) / plan.events);
    const share = this.shares[step] as number;
    let bucket: number;
    let z: number;
    let user = -1;
    if (plan.isClustered) {
      user = this.drawUser();
      bucket = this.users.bucket[user] as number;
      z = Math.sqrt(OWN_SHARE) * (this.users.own[user] as number) + Math.sqrt(1 - OWN_SHARE) * random.normal();
      seen.isFirst = this.isKnown[user] === 0;
      this.isKnown[user] = 1;
    } else {
      bucket = random.uniform();
      z = random.normal();
    }
    seen.index += 1;
    seen.isCandidate = bucket < share;
    seen.arm = seen.isCandidate ? 'candidate' : 'control';
    seen.propensity = share;
    if (this.hasLowerTail && seen.isCandidate) z = this.moreInLowerTail(z);
    const drift = this.drifts[step] as number;
    seen.value = seen.isCandidate
      ? plan.shape.candidate(z, drift, this.shifts[step] as number, this.factor)
      : plan.shape.control(z, drift);
    if (plan.shape.name === 'binary') this.noteBadEvent(user);
  }

  private shiftAfter(fraction: number): number {
    const { shape, truth, isDrifting, margin } = this.plan;
    const at = isDrifting ? fraction : 0;
    switch (truth) {
      case 'no-effect':
      case 'at-tail-margin':
      case 'at-lower-tail-ratio':
        return 0;
      case 'at-rate-ratio':
        return rateShift(badRateAfter(at), BOUNDARY_RATIO * badRateAfter(at));
      case 'at-margin':
        return rateShift(badRateAfter(at), badRateAfter(at) + margin);
      case 'harm':
        return harms[shape.name].shift;
      default:
        return truth satisfies never;
    }
  }

  /** A user who is active, or a new one in a slot of theirs. */
  private drawUser(): number {
    const { random, users } = this;
    const user = Math.floor(random.uniform() * ACTIVE_USERS);
    if (this.isKnown[user] === 1 && random.uniform() * EVENTS_PER_USER >= 1) return user;
    users.bucket[user] = random.uniform();
    users.own[user] = random.normal();
    this.isKnown[user] = 0;
    this.hasFailed[user] = 0;
    return user;
  }

  private noteBadEvent(user: number): void {
    const { seen } = this;
    seen.isFirstBad = seen.value === 1 && (user === -1 || this.hasFailed[user] === 0);
    if (user !== -1 && seen.value === 1) this.hasFailed[user] = 1;
  }

  /** z with 1.5 times the probability of every value in the lower tail, and the remaining probability over the others. */
  private moreInLowerTail(z: number): number {
    const isInTail = z < LOWER_TAIL_END;
    if (isInTail || this.random.uniform() >= MOVED_SHARE) return z;
    return normalQuantile(LOWER_TAIL * (1 - this.random.uniform()), 0, 1);
  }
}

const LOWER_TAIL_END = normalQuantile(LOWER_TAIL, 0, 1);
const MOVED_SHARE = ((BOUNDARY_RATIO - 1) * LOWER_TAIL) / (1 - LOWER_TAIL);
