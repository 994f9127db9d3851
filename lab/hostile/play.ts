import { scorerApp, type GenerationEvent, type ScoredEvent } from '#apps/scorer';
import { deadLetterTopic, decodeEvent, encodeEvent, topics } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { deliveredGeneration } from '../bench/delivered-generation.js';
import type { HostileCase } from './cases.js';
import { startHosts } from './hosts.js';

/** One event in so many is none at all. */
const MALFORMED_EVERY = 50;

export interface HostileRun {
  /** Rows by the number of their case: one each. */
  readonly rows: ReadonlyMap<number, readonly ScoredEvent[]>;
  /** When each row came, milliseconds since the events were published. */
  readonly cameAtMs: ReadonlyMap<number, number>;
  readonly malformed: number;
  readonly deadLetters: number;
  /** Most memory of the process above what it had before, bytes. */
  readonly grownBytes: number;
  /** Longest time that the service's thread stood still, milliseconds. */
  readonly longestStillMs: number;
  readonly tookMs: number;
}

export interface HostilePlay {
  readonly modelDirectory: string;
  /** For one attempt, and in all. */
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly maxBytes: number;
}

/** Gives all cases to a scorer at once, on a bus of four partitions, and waits for what becomes of them. */
export async function playHostile(
  cases: readonly HostileCase[],
  { modelDirectory, timeoutMs, deadlineMs, maxBytes }: HostilePlay,
): Promise<HostileRun> {
  const hosts = await startHosts(cases);
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 4);
  const limits = { maxBytes, maxPixels: 8192 * 8192 };
  const settings = { modelDirectory, hosts: hosts.names, timeoutMs, deadlineMs, limits, fetchedBytes: 4 * maxBytes };
  const service = await startApp(scorerApp, { resources: { bus }, settings });
  const seen = new SeenRows();
  const reader = bus.subscribe({
    group: 'hostile',
    topics: [topics.imageScored.name],
    handler: async ({ records }) => records.forEach((record) => seen.note(decodeEvent(record) as ScoredEvent)),
  });
  const watch = new ProcessWatch();
  const malformed = await publishAll(bus, cases, hosts.uriOf);
  await seen.all(cases.length);
  const deadLetters = await bus.readAll(deadLetterTopic(topics.generationCompleted.name));
  const run = { ...seen.result(), malformed, deadLetters: deadLetters.length, ...watch.end() };
  await service.close();
  await reader.close();
  await bus.close();
  await hosts.close();
  return run;
}

async function publishAll(
  bus: EventBus,
  cases: readonly HostileCase[],
  uriOf: (index: number) => string,
): Promise<number> {
  let malformed = 0;
  const records = cases.flatMap((one, index) => {
    const record = encodeEvent(generation(index, uriOf(index), one));
    if (index % MALFORMED_EVERY !== 0) return [record];
    malformed += 1;
    return [{ ...record, value: Buffer.from('{"prompt":') }, record];
  });
  await bus.publish(records);
  return malformed;
}

/** Rows as they come. */
class SeenRows {
  private readonly startedMs = performance.now();
  private readonly rows = new Map<number, ScoredEvent[]>();
  private readonly cameAtMs = new Map<number, number>();
  private wanted = Infinity;
  private done = (): void => undefined;

  note(row: ScoredEvent): void {
    const index = Number(row.data.generationId);
    this.rows.set(index, [...(this.rows.get(index) ?? []), row]);
    if (!this.cameAtMs.has(index)) this.cameAtMs.set(index, performance.now() - this.startedMs);
    if (this.rows.size >= this.wanted) this.done();
  }

  all(count: number): Promise<void> {
    this.wanted = count;
    return new Promise((resolve) => {
      this.done = resolve;
      if (this.rows.size >= count) resolve();
    });
  }

  result(): Pick<HostileRun, 'rows' | 'cameAtMs' | 'tookMs'> {
    return { rows: this.rows, cameAtMs: this.cameAtMs, tookMs: performance.now() - this.startedMs };
  }
}

const LOOK_EVERY_MS = 10;

/** Memory of the process, and whether its thread keeps turning. */
class ProcessWatch {
  private readonly before = process.memoryUsage.rss();
  private most = this.before;
  private longestStillMs = 0;
  private lastMs = performance.now();
  private readonly timer = setInterval(() => {
    this.most = Math.max(this.most, process.memoryUsage.rss());
    const nowMs = performance.now();
    this.longestStillMs = Math.max(this.longestStillMs, nowMs - this.lastMs - LOOK_EVERY_MS);
    this.lastMs = nowMs;
  }, LOOK_EVERY_MS);

  end(): Pick<HostileRun, 'grownBytes' | 'longestStillMs'> {
    clearInterval(this.timer);
    return { grownBytes: this.most - this.before, longestStillMs: this.longestStillMs };
  }
}

function generation(index: number, uri: string, { sha256, body }: HostileCase): GenerationEvent {
  const image = { uri, sha256, format: 'png', width: 64, height: 64, bytes: body.length } as const;
  const prompt = `a small red circle ${index}`;
  return deliveredGeneration({ number: index, source: 'hostile', timeMs: Date.now(), prompt, image });
}
