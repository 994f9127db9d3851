import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';

export async function recordCommands(
  tx: Queryable,
  events: readonly TeststripEvent<'allocation.commanded.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ data }) => ({
      command_id: data.commandId,
      experiment: data.experiment,
      service: data.service,
      revision: data.revision,
      epoch: data.epoch,
      command: data.command,
      stage: data.stage,
      weights_ppm: data.weightsPpm,
      reason: data.reason,
      message: data.message,
      evidence: data.evidence,
      actor: data.actor,
      commanded_at: data.commandedAt,
      terminal: data.terminal,
    })),
  );
}

const STATEMENT = {
  name: 'record-commands',
  sql: `
insert into teststrip.commands
select * from json_populate_recordset(null::teststrip.commands, $1::json)
on conflict (command_id) do nothing`,
};
