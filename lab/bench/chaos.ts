/**
 * Whether what is promised holds while everything is killed: no request of a user fails but those that are under way in a killed router, and the
 * candidate never has more than the share that was effective last. Real processes: every service one of its own, two routers, a Postgres that is
 * database and bus, or a Kafka broker beside it, two upstreams that cost nothing, and a load that sends to both routers when requests are due.
 *
 *   npm run bench:chaos -- [--rate 2000] [--bus postgres] [--down 6] [--log chaos.log]
 *
 * `--rate`: requests per second. Where the machine does not carry it, it is said how many it carries, and the run goes on with two thirds of them.
 * `--bus`: `postgres`, or `kafka`, which takes Java and Maven and is killed like everything else. `--down`: seconds for which a killed process is gone. Ends with code 1 where a promise is broken.
 */
import { createWriteStream } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MILLION } from '#libs/contracts';
import { nowMs } from './parts.js';
import { ChaosRun, shareInPercent, SHARE_PPM, type PlayedPhase, type Recovery } from './chaos/run.js';
import { Participants, type ParticipantName } from './chaos/participants.js';
import type { BusName } from './chaos/processes.js';

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '2000' },
    bus: { type: 'string', default: 'postgres' },
    down: { type: 'string', default: '6' },
    log: { type: 'string' },
  },
});
const bus = busName(options.bus);
const downMs = Number(options.down) * 1000;
/** Before a kill, and after everything is well again. */
const CALM_MS = 2_000;
const WARM_UP_MS = 6_000;
/** The share of what was carried at most at which the run goes on. */
const COMFORTABLE = 2 / 3;

/** What dies at the same time. Postgres is the bus as well, where that is not Kafka. */
function killedTogether(busOf: ParticipantName): readonly (readonly ParticipantName[])[] {
  const stores: readonly ParticipantName[] = busOf === 'database' ? ['database'] : ['database', busOf];
  return [
    ...stores.map((store) => [store]),
    ['decision'],
    ['router-b'],
    ['analyzer', 'recorder', 'scorer', 'reports'],
    [...stores, 'decision', 'router-b'],
  ];
}

const HEADINGS = [
  'phase'.padEnd(44),
  'requests',
  '    /s',
  'lost in killed router',
  'failed',
  'candidate',
  'at most',
  'above',
  'ready again',
  'effective after',
  'not ready',
  'p50 ms',
  'p99 ms',
];

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-chaos-'));
// Open to the account that Postgres runs under where we are root.
await chmod(dataDir, 0o755);
const log = options.log === undefined ? undefined : createWriteStream(options.log);
const participants = new Participants(dataDir, bus, (line) => void log?.write(`${new Date().toISOString()} ${line}\n`));
try {
  process.exitCode = (await chaos()).length > 0 ? 1 : 0;
} finally {
  await participants.close();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  log?.end();
}
process.exit();

function busName(text: string): BusName {
  if (text === 'postgres' || text === 'kafka') return text;
  throw new Error(`--bus ${text}: expected postgres or kafka`);
}

/** @returns the promises that were broken. */
async function chaos(): Promise<readonly string[]> {
  const upstreams = await participants.startAll();
  const run = new ChaosRun(participants, participants.forkLoad());
  run.begin(0);
  await run.apply(upstreams);
  await warmUp(run, Number(options.rate));
  say(HEADINGS.join('  '));
  const steady = await played(run.phase('nothing is killed', async () => (await pause(downMs), null)));
  if (steady.candidateShare < SHARE_PPM / MILLION / 2)
    run.broken.push(`the candidate has ${(steady.candidateShare * 100).toFixed(1)} %: the run would show nothing`);
  for (const names of killedTogether(participants.bus))
    await played(run.phase(`${names.join(', ')} killed`, () => killAndRestart(run, names)));
  await played(run.phase('router-b restarts without bus', () => restartWithoutBus(run)));
  await played(run.phase('rollback; router-b restarts without bus', () => rollBackWithoutRouter(run)));
  await played(run.phase('new attempt', async () => (await run.order('new-attempt'), recovered(run))));
  await played(run.phase('rollback, decision dies at once', () => rollBackAndDie(run)));
  await played(run.phase('nobody gets the candidate', async () => (await pause(CALM_MS), null)));
  for (const promise of run.broken) say(`BROKEN: ${promise}`);
  if (run.broken.length === 0) say('Every promise was kept.');
  return run.broken;
}

/** At the rate that is asked for; where that is too much, at one that is carried with ease. */
async function warmUp(run: ChaosRun, rate: number): Promise<void> {
  await run.pace(rate / 4, WARM_UP_MS);
  const { perSecond, leftOut, p50Ms, p99Ms } = await run.pace(rate, WARM_UP_MS);
  const carries = leftOut === 0 && perSecond > rate * 0.97;
  const reached = `${rate} requests/s asked for, ${perSecond.toFixed(0)} answered, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(0)} ms`;
  const next = Math.round(perSecond * COMFORTABLE);
  say(carries ? reached : `${reached}: more than this machine carries; the run goes on with ${next}`);
  await run.pace(carries ? rate : next, CALM_MS);
}

async function killAndRestart(run: ChaosRun, names: readonly ParticipantName[]): Promise<Recovery> {
  await pause(CALM_MS);
  await run.kill(...names);
  await pause(downMs);
  return recovered(run, () => run.restart(...names));
}

/** It has nothing but the file of its last run, which may be old. */
async function restartWithoutBus(run: ChaosRun): Promise<Recovery> {
  await pause(CALM_MS);
  await run.kill(run.participants.bus, 'router-b');
  await run.restart('router-b');
  await pause(downMs);
  return recovered(run, () => run.restart(run.participants.bus));
}

/** The one that comes back has nothing but its file, in which the candidate still has its share. */
async function rollBackWithoutRouter(run: ChaosRun): Promise<Recovery> {
  await run.kill('router-b');
  await run.order('rollback');
  await run.untilEffective();
  await run.kill(run.participants.bus);
  await run.restart('router-b');
  await pause(downMs);
  return recovered(run, () => run.restart(run.participants.bus));
}

/** The order is stored, and perhaps nobody has been told of it. */
async function rollBackAndDie(run: ChaosRun): Promise<Recovery> {
  await pause(CALM_MS);
  await run.order('rollback');
  await run.kill('decision');
  await pause(downMs);
  return recovered(run, () => run.restart('decision'));
}

async function recovered(run: ChaosRun, restart = async (): Promise<void> => undefined): Promise<Recovery> {
  const fromMs = nowMs();
  await restart();
  const readyAtMs = nowMs();
  await run.untilEffective();
  const effectiveAtMs = nowMs();
  await pause(CALM_MS);
  return { readyAfterMs: readyAtMs - fromMs, effectiveAfterMs: effectiveAtMs - readyAtMs };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function played(playing: Promise<PlayedPhase>): Promise<PlayedPhase> {
  const phase = await playing;
  const cells = [
    phase.name,
    phase.requests,
    phase.perSecond.toFixed(0),
    phase.inFlight,
    phase.failed,
    `${(phase.candidateShare * 100).toFixed(1)} %`,
    shareInPercent(phase.boundPpm),
    phase.above,
    phase.recovery ? seconds(phase.recovery.readyAfterMs) : '',
    phase.recovery ? seconds(phase.recovery.effectiveAfterMs) : '',
    phase.unreadyMs === 0 ? '' : seconds(phase.unreadyMs),
    phase.p50Ms.toFixed(1),
    phase.p99Ms.toFixed(0),
  ].map(String);
  const line = cells.map((cell, index) => {
    const width = HEADINGS[index]!.length;
    return index === 0 ? cell.padEnd(width) : cell.padStart(width);
  });
  say(line.join('  '));
  return phase;
}
