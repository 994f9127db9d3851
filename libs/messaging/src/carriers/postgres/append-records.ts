import type { Queryable } from '#libs/persistence';

/** A record with its place in the flush. */
export interface AppendableRecord {
  readonly topicId: number;
  readonly partition: number;
  readonly key: Buffer | null;
  readonly headers: Buffer;
  readonly value: Buffer | null;
}

export interface AppendedRange {
  readonly topicId: number;
  readonly partition: number;
  /** Offset of the first record of this partition in the flush; the others follow without gaps. */
  readonly firstOffset: number;
  /** When the database took them, by its own clock, ms since 1970: the same for the whole flush. */
  readonly timestampMs: number;
  /** The offset of the next record of this partition. */
  readonly nextOffset: number;
}

/**
 * Appends records in one statement, which is one transaction: locks the partitions' rows in a fixed order (two publishers can't deadlock), draws the
 * offsets and stores the records with the database's time (the publishers' clocks may differ). Nobody is told, see `AppendNotices`.
 * All bytes travel as one binary value and are cut up by Postgres: an array of bytea would be sent as hexadecimal text.
 */
export async function appendRecords(
  queryable: Queryable,
  records: readonly AppendableRecord[],
): Promise<AppendedRange[]> {
  const counts = new Map<string, { readonly topicId: number; readonly partition: number; count: number }>();
  const columns = { topicId: [], partition: [], ordinal: [], key: [], headers: [], value: [], start: [] } as Record<
    'topicId' | 'partition' | 'ordinal' | 'key' | 'headers' | 'value' | 'start',
    number[]
  >;
  const bytes: Buffer[] = [];
  let start = 1;
  for (const { topicId, partition, key, headers, value } of records) {
    const place = `${topicId}:${partition}`;
    const entry = counts.get(place) ?? { topicId, partition, count: 0 };
    counts.set(place, entry);
    columns.topicId.push(topicId);
    columns.partition.push(partition);
    columns.ordinal.push(entry.count++);
    columns.start.push(start);
    // -1 stands for null
    columns.key.push(key === null ? -1 : key.length);
    columns.headers.push(headers.length);
    columns.value.push(value === null ? -1 : value.length);
    for (const part of [key, headers, value]) {
      if (!part) continue;
      bytes.push(part);
      start += part.length;
    }
  }
  const places = [...counts.values()];
  const rows = await queryable.query<{
    topic_id: number;
    partition: number;
    first_offset: number;
    next_offset: number;
    timestamp_ms: number;
  }>(
    APPEND,
    [
      places.map((place) => place.topicId),
      places.map((place) => place.partition),
      places.map((place) => place.count),
      columns.topicId,
      columns.partition,
      columns.ordinal,
      columns.start,
      columns.key,
      columns.headers,
      columns.value,
      Buffer.concat(bytes),
    ],
    { prepareAs: 'bus_append' },
  );
  return rows.map((row) => ({
    topicId: row.topic_id,
    partition: row.partition,
    firstOffset: row.first_offset,
    nextOffset: row.next_offset,
    timestampMs: row.timestamp_ms,
  }));
}

const APPEND = `
  WITH wanted AS (
    SELECT * FROM unnest($1::int[], $2::int[], $3::int[]) AS w(topic_id, partition, count)
  ),
  locked AS MATERIALIZED (
    SELECT p.topic_id, p.partition, w.count
    FROM bus.partition p JOIN wanted w USING (topic_id, partition)
    ORDER BY p.topic_id, p.partition
    FOR UPDATE OF p
  ),
  drawn AS (
    UPDATE bus.partition p SET next_offset = p.next_offset + l.count
    FROM locked l
    WHERE p.topic_id = l.topic_id AND p.partition = l.partition
    RETURNING p.topic_id, p.partition, p.next_offset - l.count AS first_offset, p.next_offset
  ),
  stored AS (
    INSERT INTO bus.record (topic_id, partition, "offset", timestamp_ms, key, headers, value)
    SELECT d.topic_id, d.partition, d.first_offset + r.ordinal, floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
           CASE WHEN r.key_bytes >= 0 THEN substring($11::bytea FROM r.start FOR r.key_bytes) END,
           substring($11::bytea FROM r.start + greatest(r.key_bytes, 0) FOR r.header_bytes),
           CASE WHEN r.value_bytes >= 0
             THEN substring($11::bytea FROM r.start + greatest(r.key_bytes, 0) + r.header_bytes FOR r.value_bytes) END
    FROM unnest($4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[], $10::int[])
           AS r(topic_id, partition, ordinal, start, key_bytes, header_bytes, value_bytes)
    JOIN drawn d USING (topic_id, partition)
  )
  SELECT topic_id, partition, first_offset, next_offset,
         floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint AS timestamp_ms
  FROM drawn`;
