import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { topics } from '#libs/contracts';
import type { EventBus, IncomingRecord } from '#libs/messaging';
import { listPositions, type Database } from '#libs/persistence';

/** Figures and differences of one comparison. */
export interface Compared {
  readonly figures: Readonly<Record<string, number>>;
  readonly differences: readonly string[];
}

/** Topics of which every event has a row, and where. */
const TABLES = {
  [topics.requestRouted.name]: 'requests',
  [topics.generationCompleted.name]: 'generations',
  [topics.imageScored.name]: 'image_scores',
} as const;
const READERS = ['analyzer', 'recorder'];
const SETTLED_WITHIN_MS = 180_000;
const LOOK_EVERY_MS = 1_000;

/** Waits until recorder and analyzer have read the log to its end. @returns who has not. */
export async function untilRead(bus: EventBus, database: Database, readers = READERS): Promise<readonly string[]> {
  for (let ends = await endsOf(bus); ;) {
    const behind = await untilReadTo(ends, database, readers);
    // What is read makes more to read: scores. The whole log is read for its end, which takes long, so that this is looked for last.
    const now = await endsOf(bus);
    if (behind.length > 0 || [...now].every(([place, end]) => ends.get(place) === end)) return behind;
    ends = now;
  }
}

async function untilReadTo(
  ends: ReadonlyMap<string, number>,
  database: Database,
  readers: readonly string[],
): Promise<readonly string[]> {
  const deadlineMs = Date.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const behind = await behindOf(database, ends, readers);
    if (behind.length === 0 || Date.now() > deadlineMs) return behind;
    await pause(LOOK_EVERY_MS);
  }
}

async function endsOf(bus: EventBus): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  for (const topic of Object.keys(TABLES))
    for (const { partition, offset } of await bus.readAll(topic)) ends.set(`${topic}[${partition}]`, offset + 1);
  return ends;
}

async function behindOf(
  database: Database,
  ends: ReadonlyMap<string, number>,
  readers: readonly string[],
): Promise<readonly string[]> {
  const positions = await listPositions(database);
  return readers.flatMap((group) =>
    [...ends].flatMap(([place, end]) => {
      const held = positions.find((one) => one.group === group && `${one.topic}[${one.partition}]` === place);
      const at = held?.nextOffset ?? 0;
      return at >= end ? [] : [`${group} stands at ${at} of ${end} in ${place}`];
    }),
  );
}

/** Whether every generation is in the log, and every event of the log has one row, whatever was sent, read or written twice. */
export async function compareFacts(
  bus: EventBus,
  database: Database,
  generations: readonly string[],
): Promise<Compared> {
  const figures: Record<string, number> = { 'generations that were made': generations.length };
  const differences: string[] = [];
  for (const [topic, table] of Object.entries(TABLES)) {
    const records = await bus.readAll(topic);
    const logged = new Set(records.map(idOf));
    const rows = await database.query<{ digest: string }>(
      `select (event_digest & ${OF_THE_ID})::text as digest from teststrip.${table}`,
    );
    const found = new Set(rows.map(({ digest }) => digest));
    const idsByDigest = new Map([...logged].map((id) => [digestOf(id), id]));
    const stored = new Set([...found].map((digest) => idsByDigest.get(digest) ?? `digest ${digest}`));
    figures[`records of ${topic}`] = records.length;
    figures[`events of ${topic}`] = logged.size;
    figures[`rows of ${table}`] = rows.length;
    differences.push(...missing(logged, stored, `events of ${topic} have no row in ${table}`));
    differences.push(...missing(stored, logged, `rows of ${table} have no event in the log`));
    if (rows.length !== stored.size) differences.push(`${table} has ${rows.length - stored.size} rows twice`);
    if (topic === topics.generationCompleted.name) {
      const made = new Set(generations.map((id) => `${topic}:${id}`));
      differences.push(...missing(made, logged, 'generations that were made are not in the log'));
    }
  }
  const [unscored] = await database.query<{ count: number }>(
    `select count(*)::integer as count from teststrip.generations as made
      where not exists (select 1 from teststrip.image_scores as score where score.generation_id = made.generation_id)`,
  );
  // A scorer that is behind leaves some out.
  figures['generations without a score'] = unscored!.count;
  return { figures, differences: [...differences, ...(await compareTraffic(database))] };
}

/** Of the digest under which an event is stored, the 40 bits that are of its id's SHA-256. */
const OF_THE_ID = 2n ** 40n - 1n;

function digestOf(id: string): string {
  return (createHash('sha256').update(id).digest().readBigInt64BE(0) & OF_THE_ID).toString();
}

function idOf({ headers }: IncomingRecord): string {
  return String(headers['ce_id']);
}

function missing(wanted: ReadonlySet<string>, found: ReadonlySet<string>, what: string): readonly string[] {
  const ids = [...wanted].filter((id) => !found.has(id));
  return ids.length === 0 ? [] : [`${ids.length} ${what}: ${ids.slice(0, 3).join(', ')}`];
}

/** The counters that are kept beside the rows. */
async function compareTraffic(database: Database): Promise<readonly string[]> {
  const [counts] = await database.query<{ counted: number; rows: number }>(
    `select (select coalesce(sum(requests), 0)::integer from teststrip.traffic) as counted,
            (select count(*)::integer from teststrip.requests where experiment is not null) as rows`,
  );
  const { counted, rows } = counts!;
  return counted === rows ? [] : [`teststrip.traffic counts ${counted} requests, and there are ${rows}`];
}

/** Whether what was commanded is what was decided, in its order. */
export async function compareCommands(database: Database): Promise<Compared> {
  const decided = await database.query<{ experiment: string; epoch: number; id: string }>(
    `select experiment, (data -> 'command' ->> 'epoch')::integer as epoch, data -> 'command' ->> 'commandId' as id
       from teststrip.decision_events where data -> 'command' is not null order by recorded_at, sequence`,
  );
  const commanded = await database.query<{ epoch: number; id: string }>(
    'select epoch, command_id as id from teststrip.commands order by epoch, commanded_at',
  );
  const differences: string[] = [];
  const known = new Set(commanded.map(({ id }) => id));
  const ordered = new Set(decided.map(({ id }) => id));
  differences.push(...missing(ordered, known, 'commands were decided and not recorded'));
  decided.forEach(({ epoch, experiment }, index) => {
    const before = decided[index - 1];
    if (before && epoch <= before.epoch) differences.push(`${experiment}: epoch ${epoch} follows ${before.epoch}`);
  });
  const inOrder = commanded.map(({ id }) => id).filter((id) => ordered.has(id));
  const wanted = decided.map(({ id }) => id).filter((id) => known.has(id));
  if (inOrder.join() !== wanted.join())
    differences.push('commands are recorded in another order than they were decided in');
  return { figures: { 'commands decided': decided.length, 'commands recorded': commanded.length }, differences };
}
