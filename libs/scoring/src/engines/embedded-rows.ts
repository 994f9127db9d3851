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
  return embedding.every(Number.isFinite);
}
