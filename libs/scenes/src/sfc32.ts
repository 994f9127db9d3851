/**
 * sfc32 (C. Doty-Humphrey, PractRand): uniform 32-bit integers from three of them as the seed. The first outputs, `warmUps` of them, are
 * thrown away, as its author advises.
 */
export function sfc32(seed: readonly [a: number, b: number, c: number], warmUps: number): () => number {
  let [a, b, c] = seed.map((word) => word | 0) as [number, number, number];
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < warmUps; warmUp += 1) next();
  return next;
}
