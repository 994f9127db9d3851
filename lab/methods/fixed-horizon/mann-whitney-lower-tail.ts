/**
 * P(U ≤ u) of Mann-Whitney's U under the null without ties; u a whole number from 0 to nx·ny.
 *
 * The largest of all values belongs to x with probability nx/(nx + ny), and then beats every y:
 * P(u; nx, ny) = nx/(nx+ny)·P(u − ny; nx − 1, ny) + ny/(nx+ny)·P(u; nx, ny − 1).
 * Source: Mann & Whitney, Ann. Math. Statist. 18 (1947), §3, in probabilities instead of counts. All terms are positive, so
 * the tail keeps its digits however small it is. O(nx·ny·u) time, O(ny·u) memory.
 */
export function mannWhitneyLowerTail(u: number, nx: number, ny: number): number {
  // Row j holds P(0 … u; i, j); going from i − 1 to i overwrites it.
  const rows = Array.from({ length: ny + 1 }, () => new Float64Array(u + 1));
  for (const row of rows) row[0] = 1;
  for (let i = 1; i <= nx; i++) {
    for (let j = 1; j <= ny; j++) {
      const row = rows[j] as Float64Array;
      const withOneYLess = rows[j - 1] as Float64Array;
      const shareOfX = i / (i + j);
      const shareOfY = j / (i + j);
      // Downwards, so that what is j places below has not been overwritten yet.
      for (let at = Math.min(u, i * j); at >= 0; at--) {
        const withOneXLess = at < j ? 0 : (row[at - j] as number);
        row[at] = shareOfX * withOneXLess + shareOfY * (withOneYLess[at] as number);
      }
    }
  }
  return (rows[ny] as Float64Array).reduce((sum, p) => sum + p, 0);
}
