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
  (command_id, experiment, service, revision, epoch, command, stage, weights_ppm, reason, message, evidence, actor,
   commanded_at, terminal)
select command_id, experiment, service, revision, epoch, command, stage, weights_ppm, reason, message, evidence, actor,
       commanded_at, terminal
  from json_to_recordset($1::json) as given (command_id text, experiment text, service text, revision integer,
       epoch integer, command text, stage integer, weights_ppm jsonb, reason text, message text, evidence jsonb,
       actor text, commanded_at timestamptz, terminal boolean)
on conflict (command_id) do nothing`,
};
