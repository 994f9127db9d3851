import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { calibrationDocument } from './document.js';
import { runTasks } from './pool.js';
import type { Extent } from './run-cell.js';
import { emptyResults, keepResults, readResults, type StoredResults, writeResults } from './stored-results.js';
import { allTasks, taskId, workOf } from './tasks.js';

const FOLDER = 'lab/results';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    events: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: FOLDER },
    render: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `npm run calibrate [-- options]
  --runs 2000      runs per cell (the peers' and the dearest cells take a part of them)
  --events 10000   events per run
  --workers 2      threads
  --seed 1         the figures follow from seed, runs and events alone
  --only REGEXP    the tasks whose id matches, for example 'ours/binary' or 'canary/'
  --fresh          forget what is stored; otherwise a run with the same seed, runs and events goes on where it ended
  --render         write the document and the plots from what is stored, simulate nothing
  --out FOLDER     ${FOLDER}
`;

if (values.help) process.stdout.write(USAGE);
else if (values.render) render(readResults(join(values.out, 'calibration.json')));
else await calibrate();

async function calibrate(): Promise<void> {
  const path = join(values.out, 'calibration.json');
  const extent = { seed: count('seed'), runs: count('runs'), events: count('events') };
  const workers = count('workers');
  const only = new RegExp(values.only);
  const known = values.fresh ? null : readResults(path);
  let stored = known && isSameExtent(known.extent, extent) ? known : emptyResults(extent, workers);
  const secondsBefore = stored.seconds;
  const wanted = allTasks().filter((task) => only.test(taskId(task)));
  const tasks = wanted.filter((task) => !(taskId(task) in stored.results));
  process.stdout.write(`${wanted.length} tasks, ${wanted.length - tasks.length} of them known, ${workers} threads\n`);
  const startedAt = performance.now();
  const whole = tasks.reduce((sum, task) => sum + workOf(task, extent), 0);
  let work = 0;
  let done = 0;
  await runTasks(tasks, extent, workers, (task, result) => {
    work += workOf(task, extent);
    done += 1;
    const seconds = (performance.now() - startedAt) / 1000;
    const left = (seconds * (whole - work)) / work;
    stored = {
      ...stored,
      workers,
      seconds: Math.round(secondsBefore + seconds),
      results: { ...stored.results, [result.id]: result },
    };
    process.stdout.write(`${done}/${tasks.length}  ${result.seconds} s  ${result.id}  (about ${minutes(left)} left)\n`);
    keepResults(path, stored);
  });
  await writeResults(path, stored);
  process.stdout.write(`done in ${minutes((performance.now() - startedAt) / 1000)}\n`);
  render(stored);
}

function render(stored: StoredResults | null): void {
  if (stored === null) {
    process.stderr.write(`no results in ${values.out}/calibration.json: run the calibration first\n`);
    process.exitCode = 1;
    return;
  }
  mkdirSync(values.out, { recursive: true });
  for (const [name, text] of calibrationDocument(stored)) {
    writeFileSync(join(values.out, name), text);
    process.stdout.write(`${join(values.out, name)}\n`);
  }
}

function count(option: 'runs' | 'events' | 'workers' | 'seed'): number {
  const value = Number(values[option]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`--${option} ${values[option]}: expected a whole number above 0`);
}

function isSameExtent(a: Extent, b: Extent): boolean {
  return a.seed === b.seed && a.runs === b.runs && a.events === b.events;
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}
