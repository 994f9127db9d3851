import type { Database } from '../../postgres/database.js';
import { NewestDefinitionView } from '../../schema/entities/newest-definition.view.js';

export type RecordedDefinition = NewestDefinitionView;

/** The newest revision of every experiment, or of one; newest first. */
export async function readDefinitions(
  database: Database,
  experiment: string | undefined,
): Promise<readonly RecordedDefinition[]> {
  const reads = await database.reads();
  return reads.find(NewestDefinitionView, {
    where: experiment === undefined ? {} : { experiment },
    order: { definedAt: 'desc', experiment: 'asc' },
  });
}
