/**
 * u − ln(1 + u) for u > −1, to a few roundings next to 0, where the two would cancel.
 *
 * Source: ln(1 + u) = 2 artanh(u / (2 + u)), its first term taken out of the difference.
 * @param lnOnePlusU ln(1 + u) where the caller knows it better than from u; used away from 0.
 */
export function unitDeviance(u: number, lnOnePlusU = Math.log1p(u)): number {
  if (u < -0.5 || u > 0.5) return u - lnOnePlusU;
  const ratio = u / (2 + u);
  const square = ratio * ratio;
  let power = 2 * ratio * square;
  let sum = power / 3;
  for (let odd = 5; Math.abs(power) > 1e-18 * Math.abs(sum) * odd; odd += 2) {
    power *= square;
    sum += power / odd;
  }
  return u * ratio - sum;
}
