/** Dot product of two unit vectors, kept in [−1, 1] against rounding. */
export function cosine(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index += 1) sum += left[index]! * right[index]!;
  return Math.min(1, Math.max(-1, sum));
}
