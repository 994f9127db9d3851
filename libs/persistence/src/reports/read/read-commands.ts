import type { AllocationCommanded, CommandKind, CommandReason } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

export interface RecordedCommand {
  readonly commandId: string;
  readonly revision: number;
  readonly epoch: number;
  readonly command: CommandKind;
  readonly stage: number;
  readonly weightsPpm: Readonly<Record<string, number>>;
  readonly reason: CommandReason;
  readonly message: string;
  readonly evidence: AllocationCommanded['evidence'];
  readonly actor: string;
  readonly commandedAt: Date;
  readonly terminal: boolean;
}

/** Commands of one revision, by epoch. */
export async function readCommands(
  database: Queryable,
  experiment: string,
  revision: number,
): Promise<readonly RecordedCommand[]> {
  return database.query<RecordedCommand>(
    `select command_id as "commandId", revision, epoch, command, stage, weights_ppm as "weightsPpm", reason, message,
            evidence, actor, commanded_at as "commandedAt", terminal
       from teststrip.commands
      where experiment = $1 and revision = $2
      order by epoch`,
    [experiment, revision],
  );
}
