import type { Database } from '#libs/persistence';
import type { Clock } from '#libs/platform';

/**
 * The clock of the database, carried on by this process's own steady one between two looks: all controllers of one database agree on what is due,
 * and a host whose clock is set forward ends no experiment.
 */
export class DatabaseClock implements Clock {
  /** Milliseconds since the epoch at the zero of the steady clock. */
  private offsetMs: number;

  constructor(
    private readonly database: Pick<Database, 'query'>,
    start: Clock,
    private readonly steadyMs: () => number = () => performance.now(),
  ) {
    this.offsetMs = start.nowMs() - steadyMs();
  }

  nowMs(): number {
    return Math.floor(this.offsetMs + this.steadyMs());
  }

  /** Looks at the database's clock; half of the way there and back belongs to each direction. @throws where it does not answer. */
  async look(): Promise<void> {
    const askedMs = this.steadyMs();
    const [row] = await this.database.query<{ nowMs: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"',
    );
    if (row) this.offsetMs = row.nowMs - (askedMs + this.steadyMs()) / 2;
  }
}
