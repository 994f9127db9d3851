/**
 * A root of a continuous function between `low` and `high`, where its signs differ; to `accuracy` in x.
 *
 * Source: R. P. Brent, Algorithms for Minimization without Derivatives, 1973, ch. 4 (`zero`), begun from the middle of the
 * interval so that a root that lies exactly there is found at once. On a step function the answer is some point within
 * `accuracy` of the step.
 *
 * @returns null where the signs do not differ, or where the function is not a number.
 */
export function brentRoot(f: (x: number) => number, low: number, high: number, accuracy: number): number | null {
  const middle = low + 0.5 * (high - low);
  const atMiddle = f(middle);
  if (atMiddle === 0) return middle;
  const atLow = f(low);
  if (atLow === 0) return low;
  if (atMiddle * atLow < 0) return bracketed(f, { x: low, y: atLow }, { x: middle, y: atMiddle }, accuracy);
  const atHigh = f(high);
  if (atHigh === 0) return high;
  if (atMiddle * atHigh < 0) return bracketed(f, { x: middle, y: atMiddle }, { x: high, y: atHigh }, accuracy);
  return null;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

const RELATIVE_ACCURACY = 1e-14;
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
    const tolerance = 2 * RELATIVE_ACCURACY * Math.abs(b.x) + accuracy;
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
