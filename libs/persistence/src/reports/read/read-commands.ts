import type { Database } from '../../postgres/database.js';
import { CommandEntity } from '../../schema/entities/command.entity.js';

export type RecordedCommand = Omit<CommandEntity, 'experiment' | 'service'>;

/** Commands of one revision, by epoch. */
export async function readCommands(
  database: Database,
  experiment: string,
  revision: number,
): Promise<readonly RecordedCommand[]> {
  const reads = await database.reads();
  return reads.find(CommandEntity, { where: { experiment, revision }, order: { epoch: 'asc' } });
}
