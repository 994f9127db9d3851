/**
 * A root of a continuous function between `low` and `high`, where its signs differ; to `accuracy` in x.
 *
 * Source: R. P. Brent, Algorithms for Minimization without Derivatives, 1973, ch. 4 (`zero`), with half the accuracy as its
 * tolerance, as in R's `uniroot`. On a step function the answer is some point within `accuracy` of the step.
 *
 * @returns null where the signs do not differ, or where the function is not a number.
 */
export function brentRoot(f: (x: number) => number, low: number, high: number, accuracy: number): number | null {
  const from = { x: low, y: f(low) };
  const to = { x: high, y: f(high) };
  if (from.y === 0) return low;
  if (to.y === 0) return high;
  return from.y * to.y < 0 ? bracketed(f, from, to, accuracy) : null;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

const EVALUATIONS = 1_000;

/** a: the previous point, b: the best one, c: on the other side of the root. */
function bracketed(f: (x: number) => number, from: Point, to: Point, accuracy: number): number | null {
  let a = from;
  let b = to;
  let c = from;
  let step = b.x - a.x;
  let stepBefore = step;
  for (let evaluation = 0; evaluation < EVALUATIONS; evaluation++) {
    if (Math.abs(c.y) < Math.abs(b.y)) {
      a = b;
      b = c;
      c = a;
    }
    const tolerance = 2 * Number.EPSILON * Math.abs(b.x) + accuracy / 2;
    const half = 0.5 * (c.x - b.x);
    if (Math.abs(half) <= tolerance || b.y === 0) return b.x;

    if (Math.abs(stepBefore) < tolerance || Math.abs(a.y) <= Math.abs(b.y)) {
      step = half;
      stepBefore = half;
    } else {
      const interpolated = interpolate(a, b, c, half);
      const { p, q } = interpolated;
      if (p >= 1.5 * half * q - Math.abs(tolerance * q) || p >= Math.abs(0.5 * stepBefore * q)) {
        step = half;
        stepBefore = half;
      } else {
        stepBefore = step;
        step = p / q;
      }
    }
    a = b;
    const moved = Math.abs(step) > tolerance ? b.x + step : half > 0 ? b.x + tolerance : b.x - tolerance;
    b = { x: moved, y: f(moved) };
    if (Number.isNaN(b.y)) return null;
    if (b.y > 0 === c.y > 0) {
      c = a;
      step = b.x - a.x;
      stepBefore = step;
    }
  }
  return b.x;
}

/** The step p / q, p ≥ 0, towards the root: by the secant, or by inverse quadratic interpolation where three points differ. */
function interpolate(a: Point, b: Point, c: Point, half: number): { p: number; q: number } {
  const s = b.y / a.y;
  let p: number;
  let q: number;
  if (a.x === c.x) {
    p = 2 * half * s;
    q = 1 - s;
  } else {
    const ac = a.y / c.y;
    const bc = b.y / c.y;
    p = s * (2 * half * ac * (ac - bc) - (b.x - a.x) * (bc - 1));
    q = (ac - 1) * (bc - 1) * (s - 1);
  }
  return p > 0 ? { p, q: -q } : { p: -p, q };
}
