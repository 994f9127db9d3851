import { scaledErfc } from '#libs/statistics';
import { type LnTails, lnTailsFromLower, lnTailsFromUpper } from './ln-tails.js';

const TERMS = 32;

/**
 * Both tails of a gamma or beta distribution with large parameters near its centre, at a cost that does not grow with them.
 *
 * In the coordinate η in which the exponent of the density is exactly −r η²/2, the density is e^(−r η²/2) f(η) up to a constant, so
 * upper tail = ½ erfc(η √(r/2)) + e^(−r η²/2)/√(2π r) · S(η). Differentiating gives S′ − r η S = r (1 − f/Γ*), which the power
 * series of S solves by a recurrence that is run backwards; its last step yields the constant Γ*.
 *
 * Source: Temme, SIAM J. Math. Anal. 10(4), 1979, and Gil, Segura & Temme, SIAM J. Sci. Comput. 34(6), 2012, section 2.3 (gamma);
 * the beta distribution has the same form with another f (DLMF 8.18.9 holds the leading term).
 *
 * @param f power series of f with f(0) = 1, from `densitySeries`.
 * @param r the large parameter, ≥ 20; |η| ≤ 1.
 * @param exponent r η²/2, handed over because it is known more precisely than η.
 */
export function uniformTails(f: Float64Array, r: number, eta: number, exponent: number): LnTails {
  let sum = 0;
  let above = 0;
  let here = 0;
  for (let n = f.length - 1; n > 0; n--) {
    const below = (f[n] as number) + ((n + 1) * above) / r;
    above = here;
    here = below;
    sum = sum * eta + here;
  }
  // `above` is the coefficient of η¹ now.
  const correction = sum / (1 + above / r) / Math.sqrt(2 * Math.PI * r);
  const main = scaledErfc(Math.sqrt(exponent)) / 2;
  return eta > 0
    ? lnTailsFromUpper(Math.log(main + correction) - exponent)
    : lnTailsFromLower(Math.log(main - correction) - exponent);
}

/**
 * Power series of f(η) = η / ν(η), where ν ν′ = η (1 + linear ν + quadratic ν²) and ν(η) = η + …: the distance from the centre,
 * in units in which gamma has (linear, quadratic) = (1, 0) and beta with mean p has (1 − 2p, −p (1 − p)). Radius of convergence
 * at least √(4π). O(32²).
 */
export function densitySeries(linear: number, quadratic: number): Float64Array {
  const distance = new Float64Array(TERMS + 1);
  distance[0] = 1; // coefficient of η¹
  for (let k = 1; k <= TERMS; k++) {
    const driven = linear * (distance[k - 1] as number) + quadratic * convolution(distance, k - 2, 0);
    distance[k] = driven / (k + 2) - convolution(distance, k, 1) / 2;
  }
  const series = new Float64Array(TERMS);
  series[0] = 1;
  for (let n = 1; n < TERMS; n++) {
    let sum = 0;
    for (let k = 1; k <= n; k++) sum -= (distance[k] as number) * (series[n - k] as number);
    series[n] = sum;
  }
  return series;
}

/** Σ c_i c_(total − i) over `margin` ≤ i ≤ total − `margin`. */
function convolution(c: Float64Array, total: number, margin: number): number {
  let sum = 0;
  for (let i = margin; i <= total - margin; i++) sum += (c[i] as number) * (c[total - i] as number);
  return sum;
}
