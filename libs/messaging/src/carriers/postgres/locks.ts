import { endSilentSessions, type Queryable } from '#libs/persistence';

/**
 * Advisory locks of one session, in the two-integer space. The first integer is one of these classes plus the group's number.
 * A session that dies, whatever the reason, holds nothing any more: that is how a killed member's partitions become free.
 */
const PARTITION_CLASS = 0x5453_0000;
const MEMBER_CLASS = 0x5553_0000;

export interface PartitionLock {
  readonly groupId: number;
  readonly partition: number;
}

/** Makes a member visible to the others of its group. False when the number is taken. */
export async function enter(session: Queryable, groupId: number, memberId: number): Promise<boolean> {
  const [row] = await session.query<{ had: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS had', [
    MEMBER_CLASS + groupId,
    memberId,
  ]);
  return row!.had;
}

export async function leave(session: Queryable, groupId: number, memberId: number): Promise<void> {
  await session.query('SELECT pg_advisory_unlock($1, $2)', [MEMBER_CLASS + groupId, memberId]);
}

/** The living members of the groups, by group, each list in ascending order: every member sees the same list. */
export async function membersOf(session: Queryable, groupIds: readonly number[]): Promise<Map<number, number[]>> {
  const rows = await session.query<{ group_id: number; member_id: number }>(
    `SELECT classid::bigint - $2::bigint AS group_id, objid::bigint AS member_id FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = ANY($1::oid[])
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY objid`,
    [groupIds.map((groupId) => MEMBER_CLASS + groupId), MEMBER_CLASS],
    { prepareAs: 'bus_members' },
  );
  const members = new Map<number, number[]>(groupIds.map((groupId) => [groupId, []]));
  for (const row of rows) members.get(row.group_id)?.push(row.member_id);
  return members;
}

/** Ends the sessions of members of these groups that have asked nothing for so long, and says how many. */
export function endHungMembers(session: Queryable, groupIds: readonly number[], silentForMs: number): Promise<number> {
  const classIds = groupIds.map((groupId) => MEMBER_CLASS + groupId);
  return endSilentSessions(session, { keys: 2, classIds }, silentForMs);
}

/** Takes the locks that are free and says which. */
export async function tryLock(session: Queryable, wanted: readonly PartitionLock[]): Promise<PartitionLock[]> {
  const rows = await session.query<{ group_id: number; partition: number; had: boolean }>(
    `SELECT group_id, partition, pg_try_advisory_lock($3::int + group_id, partition) AS had
     FROM unnest($1::int[], $2::int[]) AS w(group_id, partition)`,
    [wanted.map((lock) => lock.groupId), wanted.map((lock) => lock.partition), PARTITION_CLASS],
  );
  return rows.filter((row) => row.had).map((row) => ({ groupId: row.group_id, partition: row.partition }));
}

export async function unlock(session: Queryable, lock: PartitionLock): Promise<void> {
  await session.query('SELECT pg_advisory_unlock($1, $2)', [PARTITION_CLASS + lock.groupId, lock.partition]);
}
