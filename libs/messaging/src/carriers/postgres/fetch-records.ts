import type { Queryable } from '#libs/persistence';
import type { IncomingRecord } from '../../event-bus.js';
import { unpackHeaders } from './headers.js';

export interface FetchRequest {
  readonly topic: string;
  readonly topicId: number;
  readonly partition: number;
  readonly fromOffset: number;
}

interface RecordRow {
  readonly slot: number;
  readonly offset: number;
  readonly timestamp_ms: number;
  readonly key: Buffer | null;
  readonly headers: Buffer;
  readonly value: Buffer | null;
}

/** For every request its next records, at most `max` each, all in one statement. */
export async function fetchRecords(
  queryable: Queryable,
  requests: readonly FetchRequest[],
  max: number,
): Promise<IncomingRecord[][]> {
  const rows = await queryable.query<RecordRow>(
    FETCH,
    [
      requests.map((request) => request.topicId),
      requests.map((request) => request.partition),
      requests.map((request) => request.fromOffset),
      max,
    ],
    { prepareAs: 'bus_fetch' },
  );
  const found: IncomingRecord[][] = requests.map(() => []);
  for (const row of rows) {
    const { topic, partition } = requests[row.slot - 1]!;
    found[row.slot - 1]!.push({
      topic,
      partition,
      offset: row.offset,
      key: row.key,
      headers: unpackHeaders(row.headers),
      value: row.value,
      timestampMs: row.timestamp_ms,
    });
  }
  return found;
}

const FETCH = `
  SELECT w.slot, r."offset", r.timestamp_ms, r.key, r.headers, r.value
  FROM unnest($1::int[], $2::int[], $3::bigint[]) WITH ORDINALITY AS w(topic_id, partition, from_offset, slot)
  CROSS JOIN LATERAL (
    SELECT * FROM bus.record
    WHERE topic_id = w.topic_id AND partition = w.partition AND "offset" >= w.from_offset
    ORDER BY "offset" LIMIT $4::int
  ) r
  ORDER BY w.slot, r."offset"`;
