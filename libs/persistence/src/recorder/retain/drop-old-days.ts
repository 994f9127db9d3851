import { DAY_MS, FACT_TABLES, type FactTable } from '../days/fact-tables.js';
import type { Groundwork } from '../record/record-facts.js';

/** Ms since 1970: days that were over before go. */
export interface KeptSince {
  readonly factsMs: number;
  readonly embeddingsMs: number;
}

/** Dates of the days that were dropped, by table; tables of which nothing was are left out. */
export type DroppedDays = Readonly<Partial<Record<FactTable, readonly string[]>>>;

const TABLES = Object.keys(FACT_TABLES) as readonly FactTable[];

/** Drops old days, and of what facts share what none says any more. */
export async function dropOldDays({ days, documents }: Groundwork, since: KeptSince): Promise<DroppedDays> {
  const dropped: Partial<Record<FactTable, readonly string[]>> = {};
  for (const table of TABLES) {
    const dates = await days.drop(table, table === 'image_embeddings' ? since.embeddingsMs : since.factsMs);
    if (dates.length > 0) dropped[table] = dates;
  }
  await documents.forget(Math.floor(since.factsMs / DAY_MS));
  return dropped;
}

export async function openDaysAhead({ days }: Groundwork): Promise<void> {
  for (const table of TABLES) await days.openAhead(table);
}
