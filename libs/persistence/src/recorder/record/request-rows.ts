import type { TeststripEvent } from '#libs/contracts';
import { packedId } from '../../schema/fact-keys.js';
import { CopiedTable } from './copied-table.js';
import { factUnit } from './fact-unit.js';

export const requestRows = new CopiedTable('copy teststrip.request_facts', [
  'event_digest',
  'unit',
  'started_at',
  'context',
  'assigned_at',
  'duration_ms',
  'waited_ms',
  'request_id',
  'pair',
]);

export function requestRow(event: TeststripEvent<'request.routed.v1'>, digest: string, context: string): string {
  const { data } = event;
  return requestRows.rowOf({
    event_digest: digest,
    unit: factUnit(event),
    started_at: data.startedAt,
    context,
    assigned_at: data.assignment?.assignedAt,
    duration_ms: data.durationMs,
    waited_ms: data.waitedMs,
    request_id: packedId(data.requestId),
    pair: data.assignment?.pair,
  });
}
