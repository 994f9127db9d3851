/**
 * Distribution of Mann-Whitney's U under the null without ties: entry u is P(U = u), u = 0 … nx·ny.
 *
 * The largest of all values belongs to x with probability nx/(nx + ny), and then beats every y:
 * P(u; nx, ny) = nx/(nx+ny)·P(u − ny; nx − 1, ny) + ny/(nx+ny)·P(u; nx, ny − 1).
 * Source: Mann & Whitney, Ann. Math. Statist. 18 (1947), §3, in probabilities instead of counts. All terms are positive, so
 * the tails keep their digits. O((nx·ny)²) time, O(nx·ny²) memory.
 */
export function mannWhitneyDistribution(nx: number, ny: number): Float64Array {
  let row = Array.from({ length: ny + 1 }, () => Float64Array.of(1));
  for (let i = 1; i <= nx; i++) {
    const next = [Float64Array.of(1)];
    for (let j = 1; j <= ny; j++) {
      const withoutX = row[j] as Float64Array;
      const withoutY = next[j - 1] as Float64Array;
      const both = new Float64Array(i * j + 1);
      const shareOfX = i / (i + j);
      const shareOfY = j / (i + j);
      for (let u = 0; u < withoutX.length; u++) both[u + j] = shareOfX * (withoutX[u] as number);
      for (let u = 0; u < withoutY.length; u++) both[u] = (both[u] as number) + shareOfY * (withoutY[u] as number);
      next.push(both);
    }
    row = next;
  }
  return row[ny] as Float64Array;
}
