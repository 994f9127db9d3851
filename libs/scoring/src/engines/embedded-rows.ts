/** The model can tell nothing of a picture or of a prompt. */
export interface Unscorable {
  readonly outcome: 'unscorable';
  readonly reason: string;
}

/** Copies: a view would keep the whole batch alive as long as a cache keeps one of its rows. */
export function embeddedRows(embeddings: Float32Array, dimension: number): readonly Float32Array[] {
  return Array.from({ length: embeddings.length / dimension }, (_, row) =>
    embeddings.slice(row * dimension, (row + 1) * dimension),
  );
}

export function isFiniteRow(embedding: Float32Array): boolean {
  // A function called for each of its numbers would cost an object for each.
  for (let at = 0; at < embedding.length; at += 1) if (!Number.isFinite(embedding[at])) return false;
  return true;
}
