import type { TeststripEvent } from '#libs/contracts';

/** The tables that lie in one table for each day, and the time that says which. */
export const FACT_TABLES = {
  request_facts: 'started_at',
  generation_facts: 'completed_at',
  score_facts: 'scored_at',
  image_embeddings: 'scored_at',
  feedback: 'given_at',
} as const;
export type FactTable = keyof typeof FACT_TABLES;

export const DAY_MS = 86_400_000;

/** A day as a number: days since 1970, UTC. */
export function dayOf(time: string): number {
  return Math.floor(Date.parse(time) / DAY_MS);
}

/** As people write it: 2026-11-27. */
export function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Where an event is kept, and when it was; undefined: in no table that is divided by days. */
export function factPlace(event: TeststripEvent): { readonly table: FactTable; readonly time: string } | undefined {
  switch (event.type) {
    case 'request.routed.v1':
      return { table: 'request_facts', time: event.data.startedAt };
    case 'generation.completed.v1':
      return { table: 'generation_facts', time: event.time };
    case 'image.scored.v1':
      return { table: 'score_facts', time: event.time };
    case 'feedback.recorded.v1':
      return { table: 'feedback', time: event.data.givenAt };
    default:
      return undefined;
  }
}
