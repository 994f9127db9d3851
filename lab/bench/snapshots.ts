/**
 * What snapshots of the evidence cost an analyzer that remembers many users: how long its event loop stands still while they are folded and saved, its
 * memory, the bytes that are stored, and how long a restart takes. Every request is one of a new user, with a generation and a score. An embedded Postgres.
 *
 *   npm run bench:snapshots -- [users=1000000] [partitions=4]
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { median } from 'simple-statistics';
import { evidenceDesign, foldEvent, memoryKey } from '#libs/evidence';
import { openDatabase, type Database } from '#libs/persistence';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import {
  emptyPart,
  experimentKey,
  type KnownExperiment,
  type Part,
  partEvidenceOf,
  partKey,
} from '../../apps/analyzer/src/evidence-part.js';
import { loadParts, saveParts } from '../../apps/analyzer/src/snapshots.js';
import { withOwnDatabase } from './own-database.js';
import { ownCpuMs } from './parts.js';

/** Requests that are folded before the event loop has its turn, and between two snapshots: as many as come in a second and more. */
const AT_A_TIME = 50;
const BETWEEN_SNAPSHOTS = 10_000;
const [users = 1_000_000, partitions = 4] = process.argv.slice(2).map(Number);

/** Processor time of the longest turn of the event loop, garbage collection included: the same on a busy machine, unlike a pause. */
class Turns {
  longestMs = 0;
  private beganMs = 0;

  begin(): void {
    this.longestMs = 0;
    this.beganMs = ownCpuMs();
  }

  end(): void {
    const nowMs = ownCpuMs();
    this.longestMs = Math.max(this.longestMs, nowMs - this.beganMs);
    this.beganMs = nowMs;
  }
}

await withOwnDatabase('snapshots', async (url) => {
  const database = await openDatabase({ url });
  await measure(database).finally(() => database.close());
});

async function measure(db: Database): Promise<void> {
  const defined = definition();
  const known: KnownExperiment = { definition: defined, design: evidenceDesign(defined, partitions) };
  const experiments = new Map([[experimentKey(defined.experiment, defined.revision), known]]);
  const parts = new Map<string, Part>();
  const traffic = new SimulatedTraffic(1, {});
  traffic.candidateShare = 0.5;
  const saves: number[] = [];
  let isSaving = false;
  let saving = Promise.resolve();
  let failure: unknown;
  const turns = new Turns();

  for (const tenth of Array.from({ length: 10 }, (_, k) => k + 1)) {
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    turns.begin();
    const foldedMs = performance.now();
    for (let request = 0; request < users / 10; request++) {
      for (const event of traffic.next()) {
        const part = partOf(parts, event.type, memoryKey(event.subject) % partitions);
        const entry = partEvidenceOf(part, known);
        foldEvent(entry.evidence, known.design, event);
        part.nextOffset = (part.nextOffset ?? 0) + 1;
        entry.isDirty = true;
      }
      if (request % AT_A_TIME === 0) {
        await nextTurn();
        turns.end();
      }
      if (request % BETWEEN_SNAPSHOTS > 0 || isSaving) continue;
      isSaving = true;
      saving = save()
        .catch((error: unknown) => void (failure = error))
        .finally(() => (isSaving = false));
    }
    await saving;
    if (failure) throw failure;
    loop.disable();
    const seconds = (performance.now() - foldedMs) / 1_000;
    console.log(
      `${((users * tenth) / 10).toLocaleString('en')} users: longest turn ${milliseconds(turns.longestMs)} of processor time, ` +
        `longest pause ${milliseconds(loop.max / 1e6)}; a snapshot takes ${milliseconds(median(saves.splice(0)))}; ` +
        `${Math.round(users / 10 / seconds).toLocaleString('en')} requests/s; ${megabytes(process.memoryUsage.rss())}`,
    );
  }
  await save();
  await restart(db, parts);

  async function save(): Promise<void> {
    const startedMs = performance.now();
    await saveParts(db, parts.values(), { experiments, nowMs: Date.now(), sliceMs: 10 });
    saves.push(performance.now() - startedMs);
  }
}

/** Reads what is stored, and compares it with what was saved. */
async function restart(db: Database, saved: Map<string, Part>): Promise<void> {
  const [stored] = await db.query<{ bytes: string; rows: string }>(
    `select count(*) as rows, sum(length(evidence)) as bytes from teststrip.evidence_snapshots where length(evidence) > 0`,
  );
  console.log(`stored: ${megabytes(Number(stored?.bytes))} in ${stored?.rows} rows`);
  const sizes = [...saved.values()].map((part) => sizeOf(part));
  saved.clear();
  const beganMs = performance.now();
  const loaded = await loadParts(db, (given) => evidenceDesign(given, partitions), 0);
  const seconds = (performance.now() - beganMs) / 1_000;
  const again = [...loaded.parts.values()].map((part) => sizeOf(part));
  if (again.sort().join() !== sizes.sort().join()) throw new Error('a restart finds other users than were saved');
  console.log(`a restart reads it in ${seconds.toFixed(1)} s; ${megabytes(process.memoryUsage.rss())} then`);
}

function partOf(parts: Map<string, Part>, topic: string, partition: number): Part {
  const place = partKey(topic, partition);
  const part = parts.get(place) ?? emptyPart(topic, partition);
  parts.set(place, part);
  return part;
}

function sizeOf(part: Part): number {
  return [...part.experiments.values()].reduce((sum, { evidence }) => sum + evidence.units.size, 0);
}

function milliseconds(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
