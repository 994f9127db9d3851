/** Which of the two compared variants an observation belongs to. */
export type Arm = 'control' | 'candidate';

/** A propensity of 0 or 1 means nothing was drawn at random: such an observation says nothing about the pair. */
export function isRandomised(propensity: number): boolean {
  return propensity > 0 && propensity < 1;
}
