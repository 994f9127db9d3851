/**
 * What facts cost: how many bytes of the database a generation takes with its request, its score and its embedding, by table and index, and how many rows a second the
 * recorder writes of them (events of the bus, positions and counters included) beside a bare batched insert of the same rows into tables of the same shape, with the same indexes and
 * without any. Embeddings are as wide as those of the model that ships. An embedded Postgres.
 *
 *   npm run bench:facts -- [generations=100000] [width of an embedding=128]
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from 'simple-statistics';
import { recorderApp } from '#apps/recorder';
import { encodeEvent, examples, type TeststripEvent, type TopicName } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { openDatabase, type Database } from '#libs/persistence';
import { startApp } from '#libs/platform';
import { withOwnDatabase } from './own-database.js';
import { ownCpuMs } from './parts.js';

const [generations = 100_000, width = 128] = process.argv.slice(2).map(Number);
const EVENTS_OF_A_GENERATION = 3;
/** Statements are written out, so that each stands where it is looked for. */
const TABLES = [
  {
    name: 'request_facts',
    time: 'started_at',
    bare: 'insert into bare_request_facts select * from json_populate_recordset(null::bare_request_facts, $1::json)',
    plain: 'insert into plain_request_facts select * from json_populate_recordset(null::plain_request_facts, $1::json)',
  },
  {
    name: 'generation_facts',
    time: 'completed_at',
    bare: 'insert into bare_generation_facts select * from json_populate_recordset(null::bare_generation_facts, $1::json)',
    plain:
      'insert into plain_generation_facts select * from json_populate_recordset(null::plain_generation_facts, $1::json)',
  },
  {
    name: 'score_facts',
    time: 'scored_at',
    bare: 'insert into bare_score_facts select * from json_populate_recordset(null::bare_score_facts, $1::json)',
    plain: 'insert into plain_score_facts select * from json_populate_recordset(null::plain_score_facts, $1::json)',
  },
  {
    name: 'image_embeddings',
    time: 'scored_at',
    bare: 'insert into bare_image_embeddings select * from json_populate_recordset(null::bare_image_embeddings, $1::json)',
    plain:
      'insert into plain_image_embeddings select * from json_populate_recordset(null::plain_image_embeddings, $1::json)',
  },
] as const;
/** Generations between two looks at both: the machine may be busier a second later. */
const AT_A_TIME = 10_000;
/** Events of a topic that the recorder is given at once, and rows of one bare insert. */
const BATCH = 500;
const UNITS = 50_000;
/** Float16. */
const BYTES_OF_A_NUMBER = 2;
/** All in one day, a millisecond apart. */
const BEGAN_AT_MS = Math.floor(Date.now() / 86_400_000) * 86_400_000;

await withOwnDatabase('facts', async (url) => {
  const database = await openDatabase({ url });
  await measure(database).finally(() => database.close());
});
process.exit();

async function measure(db: Database): Promise<void> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 4);
  const environment = { AUTH: 'off', RECORDER_PORT: '0' };
  const recorder = await startApp(recorderApp, { resources: { database: db, bus }, environment });
  for (const { name } of TABLES) {
    await db.query(`create table bare_${name} (like teststrip.${name} including all)`);
    await db.query(`create table plain_${name} (like teststrip.${name})`);
  }
  const ratios = { bare: [] as number[], plain: [] as number[] };
  for (let done = 0; done < generations; done += AT_A_TIME) {
    const { perSecond: recorded, cpuUs } = await recordAll(bus, db, done);
    const bare = await insertedPerSecond(db, done, 'bare');
    const plain = await insertedPerSecond(db, done, 'plain');
    ratios.bare.push(recorded / bare);
    ratios.plain.push(recorded / plain);
    say(
      `${done + AT_A_TIME} generations: recorder ${recorded.toFixed(0)} rows/s, bare insert ${bare.toFixed(0)}: ${(recorded / bare).toFixed(2)}; without indexes ${plain.toFixed(0)}: ${(recorded / plain).toFixed(2)}; ${cpuUs.toFixed(0)} µs of the recorder's processor a row`,
    );
  }
  say(
    `the recorder writes ${median(ratios.bare).toFixed(2)} times as many rows a second as the bare insert, ${median(ratios.plain).toFixed(2)} times as many as that without indexes (medians of ${ratios.bare.length} pairs)`,
  );
  await recorder.close();
  await bus.close();
  await tellBytes(db);
}

/** Publishes, and waits until all is written. */
async function recordAll(
  bus: EventBus,
  db: Database,
  from: number,
): Promise<{ readonly perSecond: number; readonly cpuUs: number }> {
  const records = [];
  for (let at = from; at < from + AT_A_TIME; at += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, index) => at + index);
    records.push(
      ...[requestOf, generationOf, scoreOf].map((eventOf) => numbers.map((number) => encodeEvent(eventOf(number)))),
    );
  }
  const rows = AT_A_TIME * TABLES.length;
  const cpuBeforeMs = ownCpuMs();
  const beganMs = performance.now();
  for (const some of records) await bus.publish(some);
  while ((await eventsRead(db)) < (from + AT_A_TIME) * EVENTS_OF_A_GENERATION) await pause(20);
  const perSecond = rows / ((performance.now() - beganMs) / 1_000);
  return { perSecond, cpuUs: ((ownCpuMs() - cpuBeforeMs) * 1_000) / rows };
}

async function eventsRead(db: Database): Promise<number> {
  const [row] = await db.query<{ events: number }>(
    `select coalesce(sum(next_offset), 0)::integer as events from teststrip.consumed_positions where consumer_group = 'recorder'`,
  );
  return row!.events;
}

/** The same rows, without anything else. */
async function insertedPerSecond(db: Database, from: number, tables: 'bare' | 'plain'): Promise<number> {
  const batches: { readonly sql: string; readonly rows: string }[][] = [];
  for (let at = from; at < from + AT_A_TIME; at += BATCH) {
    batches.push(
      await Promise.all(
        TABLES.map(async ({ name, time, [tables]: sql }) => {
          const [row] = await db.query<{ rows: string }>(
            `select json_agg(told)::text as rows from teststrip.${name} as told where ${time} >= $1 and ${time} < $2`,
            [timeOf(at), timeOf(at + BATCH)],
          );
          return { sql, rows: row!.rows };
        }),
      ),
    );
  }
  const beganMs = performance.now();
  for (const batch of batches)
    await db.transaction(async (tx) => {
      for (const { sql, rows } of batch) await tx.query(sql, [rows], { prepareAs: sql.slice(0, 30) });
    });
  return (AT_A_TIME * TABLES.length) / ((performance.now() - beganMs) / 1_000);
}

async function tellBytes(db: Database): Promise<void> {
  await db.query('vacuum analyze');
  const rows = await db.query<{ name: string; of: string; bytes: number }>(
    `select p.relname as name, case p.relkind when 'p' then 'rows' else 'index' end as of,
            sum(case p.relkind when 'p' then pg_table_size(c.oid) else pg_relation_size(c.oid) end) as bytes
       from pg_inherits join pg_class p on p.oid = inhparent join pg_class c on c.oid = inhrelid
      where p.relnamespace = 'teststrip'::regnamespace and p.relname not like 'feedback%' group by p.oid, 1, 2 order by 1`,
  );
  const perGeneration = (bytes: number): number => Math.round(bytes / generations);
  for (const { name, of, bytes } of rows) say(`${String(perGeneration(bytes)).padStart(6)} bytes  ${of} ${name}`);
  const all = rows.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  const embeddings = rows.reduce(
    (sum, { name, bytes }) => sum + (name.startsWith('image_embeddings') ? Number(bytes) : 0),
    0,
  );
  say(
    `${String(perGeneration(all)).padStart(6)} bytes a generation in all, ${perGeneration(embeddings)} of them its embedding, which goes earlier`,
  );
  say(
    `       ${(all / generations / 100).toFixed(1)} GB for 10 million generations, ${((all - embeddings) / generations / 100).toFixed(1)} GB without embeddings`,
  );
}

function timeOf(number: number): string {
  return new Date(BEGAN_AT_MS + number).toISOString();
}

function exampleOf<T extends TopicName>(type: T): TeststripEvent<T> {
  return examples.find((event) => event.type === type) as TeststripEvent<T>;
}

function requestOf(number: number): TeststripEvent {
  const { data, ...event } = exampleOf('request.routed.v1');
  const requestId = idOf(number);
  const startedAt = timeOf(number);
  const assignment = { ...data.assignment!, unit: unitOf(number), assignedAt: startedAt };
  return {
    ...event,
    subject: unitOf(number),
    id: `${event.type}:${requestId}:0`,
    time: startedAt,
    data: { ...data, requestId, startedAt, assignment },
  };
}

function generationOf(number: number): TeststripEvent {
  const { data, ...event } = exampleOf('generation.completed.v1');
  const generationId = generationIdOf(number);
  const assignment = { ...data.assignment!, unit: unitOf(number), assignedAt: timeOf(number) };
  const [image] = data.images;
  const sha256 = createHash('sha256').update(generationId).digest('hex');
  const images = [{ ...image!, uri: `file:///var/lib/teststrip/pictures/${generationId}.png`, sha256 }];
  const seed = (number * 2_654_435_761) % 2 ** 32;
  const told = { ...data, requestId: idOf(number), generationId, assignment, seed, images };
  return { ...event, subject: unitOf(number), id: `${event.type}:${generationId}`, time: timeOf(number), data: told };
}

function scoreOf(number: number): TeststripEvent {
  const { data, ...event } = exampleOf('image.scored.v1');
  const generationId = generationIdOf(number);
  const assignment = { ...data.assignment!, unit: unitOf(number), assignedAt: timeOf(number) };
  const embedding = randomBytes(width * BYTES_OF_A_NUMBER).toString('base64');
  const told = { ...data, requestId: idOf(number), generationId, assignment, embedding, separation: 0.97 };
  return { ...event, subject: unitOf(number), id: `${event.type}:${generationId}:0`, time: timeOf(number), data: told };
}

/** As the routers make them: without an order. */
function idOf(number: number): string {
  const digits = createHash('md5').update(String(number)).digest('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** A service's own. */
function generationIdOf(number: number): string {
  return idOf(-1 - number);
}

function unitOf(number: number): string {
  return `user-${number % UNITS}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
