/** A picture as a vector of numbers; all those that are compared have the same length. */
export type Embedding = Readonly<ArrayLike<number>>;

/** The common length of all embeddings; 0 without any. Different lengths, and numbers that aren't finite, are errors. O(n·d). */
export function dimensionOf(...samples: readonly (readonly Embedding[])[]): number {
  let dimension: number | null = null;
  for (const sample of samples) {
    for (const embedding of sample) {
      dimension ??= embedding.length;
      if (embedding.length !== dimension) {
        throw new RangeError(`an embedding of length ${embedding.length}: expected ${dimension}, as of the first one`);
      }
      for (let k = 0; k < dimension; k++) {
        if (!Number.isFinite(embedding[k])) {
          throw new RangeError(`an embedding that holds ${embedding[k]} at ${k}: expected finite numbers`);
        }
      }
    }
  }
  return dimension ?? 0;
}

/** Σ (a − b)². O(d). */
export function squaredDistance(a: Embedding, b: Embedding): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) {
    const difference = (a[k] as number) - (b[k] as number);
    sum += difference * difference;
  }
  return sum;
}

/** Σ a·b. O(d). */
export function dotProduct(a: Embedding, b: Embedding): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] as number) * (b[k] as number);
  return sum;
}

/** The embedding at length 1; null for the zero vector, which has no direction. O(d). */
export function unitVector(embedding: Embedding): Float64Array | null {
  const length = Math.sqrt(dotProduct(embedding, embedding));
  if (length === 0) return null;
  return Float64Array.from(embedding, (value) => value / length);
}

/** All embeddings at length 1; null if one of them is the zero vector. O(n·d). */
export function unitVectors(sample: readonly Embedding[]): readonly Float64Array[] | null {
  const units: Float64Array[] = [];
  for (const embedding of sample) {
    const unit = unitVector(embedding);
    if (unit === null) return null;
    units.push(unit);
  }
  return units;
}
