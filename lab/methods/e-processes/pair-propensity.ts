/**
 * The candidate's propensity where more than two variants share the traffic: each candidate is compared with control alone, on the
 * units of these two, and given that a unit is one of theirs it is the candidate's with probability w_T / (w_T + w_C).
 *
 * Why that is exact: the arm is drawn independently of everything before, and conditioning on the event "the unit got one of these two
 * variants" leaves it independent of the unit's outcomes under either, with exactly this probability. So every factor of tilt and betting
 * keeps its expectation, whatever the other variants' weights are and however the weights move between units.
 *
 * @param candidate, control weights when this unit was assigned, ≥ 0 in any unit.
 * @returns 0 or 1 where one of the two got nothing: then nothing was drawn, and tilt and betting skip the unit. 0 where neither did.
 */
export function pairPropensity(candidate: number, control: number): number {
  if (!(candidate >= 0 && candidate < Infinity) || !(control >= 0 && control < Infinity)) {
    throw new RangeError(`weights ${candidate} and ${control}: expected finite numbers of at least 0`);
  }
  const both = candidate + control;
  return both === 0 ? 0 : candidate / both;
}
