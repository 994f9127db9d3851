import type { Database } from '#libs/persistence';

interface Position {
  readonly groupId: number;
  readonly partition: number;
  readonly nextOffset: number;
}

/**
 * Writes the groups' positions down together, a few times a second instead of once per batch. What was handled but not yet
 * written down when the process dies is handled again: at least once.
 */
export class PositionCommitter {
  private dirty = new Map<string, Position>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly commitEveryMs: number,
  ) {}

  mark(position: Position): void {
    this.dirty.set(`${position.groupId}:${position.partition}`, position);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush().catch(() => undefined);
    }, this.commitEveryMs);
  }

  /** Forgets a position that somebody else moves from now on. */
  drop(groupId: number, partition: number): void {
    this.dirty.delete(`${groupId}:${partition}`);
  }

  /** Writes everything down. What can't be written stays for the next time. */
  flush(): Promise<void> {
    const next = this.writing.then(() => this.write());
    this.writing = next.catch(() => undefined);
    return next;
  }

  private async write(): Promise<void> {
    const positions = this.dirty;
    if (positions.size === 0) return;
    this.dirty = new Map();
    const rows = [...positions.values()];
    try {
      await this.database.query(
        `INSERT INTO bus.position AS known (group_id, partition, next_offset)
         SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[]) ORDER BY 1, 2
         ON CONFLICT (group_id, partition) DO UPDATE SET next_offset = greatest(known.next_offset, excluded.next_offset)`,
        [rows.map((row) => row.groupId), rows.map((row) => row.partition), rows.map((row) => row.nextOffset)],
        { prepareAs: 'bus_commit' },
      );
    } catch (error) {
      for (const position of rows) {
        const place = `${position.groupId}:${position.partition}`;
        if (!this.dirty.has(place)) this.mark(position);
      }
      throw error;
    }
  }
}
