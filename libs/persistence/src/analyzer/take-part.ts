import type { Queryable } from '../postgres/database.js';

/** One partition of one topic, as analyzers share them. */
export interface SharedPlace {
  readonly topic: string;
  readonly partition: number;
}

/** A place in the hands of one analyzer: the generation says which one, and grows each time that it changes hands. */
export interface TakenPart extends SharedPlace {
  readonly generation: number;
}

/**
 * Takes a place over. Whoever had it before can write nothing more about it (see `requireParts`), and what it was writing is there, or refused, when this returns.
 * @returns the new generation
 */
export async function takePart(tx: Queryable, { topic, partition }: SharedPlace): Promise<number> {
  const [row] = await tx.query<{ generation: number }>(
    `insert into teststrip.evidence_parts as part (topic, partition, generation) values ($1, $2, 1)
     on conflict (topic, partition) do update set generation = part.generation + 1 returning generation`,
    [topic, partition],
  );
  return row!.generation;
}
