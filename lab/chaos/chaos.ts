/**
 * Whether what is promised holds whatever is killed: every generation is counted once in evidence and tables, the evidence is that of an undisturbed replay
 * of the same log bit for bit, the same commands come in the same order, and no request of a user fails but those in flight in a killed router. The
 * services apart (two analyzers, scorers and routers), a database and a broker under load; random kills, stops (SIGSTOP), restarts of database and
 * broker, slow ways to either, clocks that jump (where libfaketime is installed) and a full disk (as root on Linux). The same seed does the same on
 * machines that can do the same.
 *
 *   npm run chaos -- --kills 20 [--bus postgres|kafka] [--seed 1] [--rate 30] [--share partitions] [--out chaos] [--log chaos.log]
 *
 * With `--share partitions` the analyzers share the partitions; the undisturbed replay is one analyzer that reads all of them.
 * Writes `<out>.md` and `<out>.json`. Ends with code 1 where there is a difference.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBus } from '#libs/messaging';
import { openDatabase, type Database } from '#libs/persistence';
import { commonVariables, readConfig } from '#libs/platform';
import type { BusName } from '../bench/chaos/processes.js';
import { ChaosRun } from '../bench/chaos/run.js';
import { nowMs } from '../bench/parts.js';
import { compareCommands, compareFacts, untilRead, type Compared } from './comparison.js';
import { Clocks, faketimeLibrary } from './clocks.js';
import { planFaults, type Fault, type PlannedStep, type Victim } from './faults.js';
import { evidenceDifferences, keptEvidence } from './kept-evidence.js';
import { reportInMarkdown, stepInWords, type ChaosReport } from './report.js';
import { SmallDisk } from './small-disk.js';
import { World } from './world.js';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    bus: { type: 'string', default: 'postgres' },
    seed: { type: 'string', default: '1' },
    rate: { type: 'string', default: '30' },
    share: { type: 'string', default: 'none' },
    out: { type: 'string' },
    log: { type: 'string' },
  },
});
const bus: BusName = options.bus === 'kafka' ? 'kafka' : 'postgres';
const seed = Number(options.seed);
const perSecond = Number(options.rate);
const SERVICE = 'text-to-image';
const EXPERIMENT = 'chaos';
/** After the last fault, for what was retried with growing pauses. */
const QUIET_MS = 2_000;
const ORDERED_WITHIN_MS = 60_000;

const startedAt = new Date();
const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-chaos-'));
// Open to the account that Postgres runs under where we are root.
await chmod(dataDir, 0o755);
const log = options.log === undefined ? undefined : createWriteStream(options.log);
const disk = await SmallDisk.mountAt(dataDir);
const library = faketimeLibrary();
const clocks =
  library === undefined ? undefined : new Clocks(library, await mkdtemp(join(tmpdir(), 'teststrip-clocks-')));
const leftOut = [
  ...(disk ? [] : ['a full disk: it takes a file system of its own, which only root may mount, on Linux']),
  ...(clocks ? [] : ['clocks that jump: it takes libfaketime (`apt-get install libfaketime`)']),
];
const isShared = options.share === 'partitions';
const ofAll = isShared ? { ANALYZER_SHARE: 'partitions' } : undefined;
const world = new World(SERVICE, { bus, dataDir, onLine: note, clocks, disk }, ofAll);
const steps = planFaults(seed, Number(options.kills), bus, { clocks: clocks !== undefined, disk: disk !== undefined });
const differences: string[] = [];
const figures: Record<string, number> = {};
try {
  await play();
} catch (error) {
  differences.push(`the run itself failed: ${(error as Error).stack ?? String(error)}`);
} finally {
  await world.close();
  await disk?.unmount();
  if (clocks) await rm(clocks.folder, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
}
await report();
log?.end();
process.exit(differences.length > 0 ? 1 : 0);

async function play(): Promise<void> {
  say(`${steps.length} faults over ${bus}, seed ${seed}; the services start`);
  const upstreams = await world.startAll();
  const run = new ChaosRun<Victim>(world, world.forkLoad());
  try {
    run.begin(0);
    await run.apply(upstreams);
    await run.pace(perSecond, QUIET_MS);
    for (const [index, step] of steps.entries()) await playStep(run, step, index);
    await played(run, 'the end', async () => {
      if (steps.findLast(({ order: last }) => last !== undefined)?.order === 'pause') await order('resume');
      await run.untilEffective();
      await run.order('rollback');
      await run.untilEffective();
      await pause(QUIET_MS);
    });
    await run.pace(0, QUIET_MS);
  } finally {
    // Also where the run fails later on.
    differences.push(...run.broken);
  }
  await compare();
}

async function playStep(run: ChaosRun<Victim>, step: PlannedStep, index: number): Promise<void> {
  say(`${index + 1}/${steps.length}: ${stepInWords(step)}`);
  await played(run, `fault ${index + 1} (${stepInWords(step)})`, async () => {
    await pause(step.calmMs);
    await inflict(run, step.fault);
    if (step.order !== undefined) await order(step.order);
  });
  for (const name of world.ended()) {
    differences.push(`fault ${index + 1} (${stepInWords(step)}): ${name} has ended by itself`);
    await world.start(name);
  }
}

/** Plays with the load going on, and counts what became of the requests. */
async function played(run: ChaosRun<Victim>, name: string, work: () => Promise<void>): Promise<void> {
  const phase = await run.phase(name, async () => {
    await work();
    return null;
  });
  add({ requests: phase.requests, 'requests in flight in a killed router': phase.inFlight });
  add({ 'requests that failed': phase.failed, 'answers of the candidate above its share': phase.above });
}

async function inflict(run: ChaosRun<Victim>, fault: Fault): Promise<void> {
  switch (fault.kind) {
    case 'kill':
      await run.kill(...fault.victims);
      await pause(fault.forMs);
      for (const name of fault.victims) await run.restart(name);
      return;
    case 'stop':
      for (const name of fault.victims) world.halt(name);
      await pause(fault.forMs);
      for (const name of fault.victims) world.continue(name);
      return;
    case 'slow':
      world.slow(fault.wayTo, fault.delayMs);
      await pause(fault.forMs);
      world.slow(fault.wayTo, 0);
      return;
    case 'clock':
      await world.setClock(fault.victim, fault.aheadMs);
      await pause(fault.forMs);
      await world.setClock(fault.victim, 0);
      return;
    case 'full disk': {
      await world.fillDisk();
      await pause(fault.forMs);
      for (const name of await world.freeDisk()) note(`${name} ended on the full disk and was started again`);
      return;
    }
    default:
      fault satisfies never;
  }
}

/** Under one key until it is answered: given once, however often it is asked for. */
async function order(what: 'pause' | 'resume'): Promise<void> {
  const deadlineMs = nowMs() + ORDERED_WITHIN_MS;
  const key = `${what}-${nowMs()}`;
  for (let answered = 'nothing'; nowMs() < deadlineMs; await pause(200)) {
    answered = await fetch(new URL(`/v1/experiments/${EXPERIMENT}/${what}`, world.addressOf('decision')), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ actor: 'chaos', reason: 'to see what breaks' }),
      signal: AbortSignal.timeout(10_000),
    }).then(
      async (answer) => (answer.ok ? '' : `${answer.status} ${await answer.text()}`),
      (error: Error) => error.message,
    );
    if (answered === '') return;
    note(`the order to ${what} was answered with ${answered}`);
  }
  differences.push(`the order to ${what} was not taken within ${ORDERED_WITHIN_MS} ms`);
}

async function compare(): Promise<void> {
  say('everything is compared');
  const told = await world.generations();
  if (told.dropped > 0) differences.push(`telemetry dropped ${told.dropped} events`);
  const database = await openDatabase({ url: world.databaseUrl });
  const settings = readConfig(commonVariables, { ...world.settings, DATA_DIR: dataDir });
  const opened = await openBus(settings, 'chaos', database);
  try {
    differences.push(...(await untilRead(opened.bus, database)));
    take(await compareFacts(opened.bus, database, told.generations));
    take(await compareCommands(database));
    if ((await replay()) !== 0) differences.push('"teststrip replay" decides otherwise than was decided');
    await world.endServices();
    take(await compareEvidence(database, () => untilRead(opened.bus, database, ['analyzer'])));
  } finally {
    await opened.close();
    await database.close();
  }
}

/** @returns the exit code of `teststrip replay` */
function replay(): Promise<number> {
  const main = fileURLToPath(new URL('main.js', import.meta.resolve('#apps/cli')));
  const words = ['replay', EXPERIMENT, '--server', world.addressOf('decision'), '--output', 'json'];
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (said: Buffer) => note(`replay: ${said}`));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

/** What the run has saved is put aside, and an analyzer that nobody disturbs reads the log from its beginning. */
async function compareEvidence(database: Database, untilAnalysed: () => Promise<readonly string[]>): Promise<Compared> {
  const disturbed = await keptEvidence(database);
  for (const table of ['evidence_snapshots', 'consumed_positions']) {
    await database.query(`alter table teststrip.${table} rename to ${table}_of_the_run`);
    await database.query(`create table teststrip.${table} (like teststrip.${table}_of_the_run including all)`);
  }
  const analyzer = await world.startAnalyzer(world.databaseUrl);
  const behind = await untilAnalysed();
  await analyzer.stop();
  const undisturbed = await keptEvidence(database);
  return {
    figures: { 'places of evidence compared': undisturbed.size },
    differences: [...behind, ...evidenceDifferences(disturbed, undisturbed)],
  };
}

function take({ figures: more, differences: found }: Compared): void {
  Object.assign(figures, more);
  differences.push(...found);
}

function add(more: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(more)) figures[what] = (figures[what] ?? 0) + count;
}

async function report(): Promise<void> {
  const lastedS = (Date.now() - startedAt.getTime()) / 1000;
  const made: ChaosReport = {
    bus,
    seed,
    perSecond,
    startedAt: startedAt.toISOString(),
    lastedS,
    node: process.versions.node,
    steps,
    figures,
    differences,
    leftOut,
  };
  const text = reportInMarkdown(made);
  process.stdout.write(`\n${text}`);
  if (options.out === undefined) return;
  await writeFile(`${options.out}.md`, text);
  await writeFile(`${options.out}.json`, `${JSON.stringify(made, null, 2)}\n`);
}

function say(line: string): void {
  note(line);
  process.stdout.write(`${line}\n`);
}

function note(line: string): void {
  log?.write(`${new Date().toISOString()} ${line}\n`);
}
