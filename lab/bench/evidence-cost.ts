/**
 * What an event costs the evidence, by its kind, when it is one of the first and when the compiler knows the code; what an analysis over all
 * partitions costs; and what a unit takes in memory. Processor time, so that a busy machine doesn't count.
 *
 *   npm run bench:evidence -- [requests=30000] [partitions=4] [--before FOLDER] [--rounds 5]
 *
 * `--before`: a checkout that is compiled (`npm run build`, and `npm run build:lab` where there is one), with which every figure is compared: both
 * are measured by this file. Then the methods of statistics are compared as well.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { mean, median } from 'simple-statistics';
import type * as EvidenceLibrary from '#libs/evidence';
import type { Evidence, EvidenceDesign, ObservedEvent } from '#libs/evidence';
import type * as Traffic from '#libs/testing/traffic';
import { collectGarbage } from '#libs/testing/garbage';
import { asked, benchOf, printPairs } from './beside-before.js';
import { ownCpuMs } from './parts.js';

/** Of each variant. */
const PODS = 8;
/** Requests whose events are folded topic by topic. */
const CHUNK = 500;
/** What comes before the figures of warm code. */
const WARM_FROM = 12;
/** Of the statistics' bench, per method. */
const UPDATES = '3000000';

/** A checkout's evidence, whatever its age. */
interface Library {
  readonly evidence: Omit<typeof EvidenceLibrary, 'memoryKey'> & {
    readonly memoryKey?: (name: string) => number;
    readonly hashUnit?: (name: string) => number;
  };
  readonly traffic: Pick<typeof Traffic, 'definition' | 'SimulatedTraffic'>;
}

const request = asked();
if (request.before === undefined) await measure(request.numbers, request.of);
else compare(request.before);

function compare(before: string): void {
  const here = fileURLToPath(import.meta.url);
  const numbers = request.numbers.map(String);
  printPairs([here, ...numbers, '--of', before], [here, ...numbers], request.rounds);
  const statistics = 'statistics-speed.js';
  const ours = join(here, '..', statistics);
  printPairs([benchOf(before, statistics), UPDATES], [ours, UPDATES], request.rounds);
}

async function measure(
  [requests = 30_000, partitions = 4]: readonly number[],
  folder: string | undefined,
): Promise<void> {
  const library = await libraryOf(folder);
  const { foldEvent } = library.evidence;
  const design = library.evidence.evidenceDesign(library.traffic.definition({ warmUp: undefined }), partitions);
  const traffic = new library.traffic.SimulatedTraffic(1, {});
  traffic.candidateShare = 0.1;
  const parts = new Map<string, Evidence>();
  const costs = new Map<string, number[]>();
  const emptyBytes = usedBytes();
  for (let chunk = 0; chunk < requests / CHUNK; chunk++) {
    const events: ObservedEvent[] = [];
    for (let i = 0; i < CHUNK; i++)
      events.push(...traffic.next().map((event) => asParsed(answeredBy(`pod-${i % PODS}`, event as ObservedEvent))));
    for (const topic of ['request.routed.v1', 'generation.completed.v1', 'image.scored.v1']) {
      const ofTopic = events.filter(({ type }) => type === topic);
      const places = ofTopic.map((event) => partOf(library, design, parts, { event, partitions }));
      const before = ownCpuMs();
      for (const [index, event] of ofTopic.entries()) foldEvent(places[index] as Evidence, design, event);
      costs.set(topic, [...(costs.get(topic) ?? []), ((ownCpuMs() - before) * 1000) / ofTopic.length]);
    }
  }
  printCosts(costs);
  console.log(`memory of a unit: ${((usedBytes() - emptyBytes) / requests).toFixed(0)} bytes, of all topics together`);

  const rounds = 50;
  const analyseAll = (): void => {
    library.evidence.analyse([...parts.values()].reduce(library.evidence.mergeEvidence), design, 0);
  };
  // What is to come is reckoned once and kept.
  const beforeFirst = ownCpuMs();
  analyseAll();
  console.log(`first analysis: ${(ownCpuMs() - beforeFirst).toFixed(2)} ms`);
  const before = ownCpuMs();
  for (let round = 0; round < rounds; round++) analyseAll();
  console.log(
    `analysis of ${design.metrics.length} metrics in ${parts.size} parts: ${((ownCpuMs() - before) / rounds).toFixed(2)} ms`,
  );
  const bytes = [...parts.values()].map((evidence) => JSON.stringify(library.evidence.encodeEvidence(evidence)).length);
  console.log(`largest snapshot of a part: ${Math.max(...bytes)} bytes, without its units`);
}

/** The evidence of the event's partition. */
function partOf(
  { evidence: { initialEvidence, memoryKey, hashUnit } }: Library,
  design: EvidenceDesign,
  parts: Map<string, Evidence>,
  { event, partitions }: { readonly event: ObservedEvent; readonly partitions: number },
): Evidence {
  const key = (memoryKey ?? hashUnit)?.(event.subject) ?? 0;
  const place = `${event.type}/${key % partitions}`;
  const known = parts.get(place);
  if (known) return known;
  const fresh = initialEvidence(design, event.type);
  parts.set(place, fresh);
  return fresh;
}

/** The first events of each kind, which meet code that was never run; and those of warm code. */
function printCosts(costs: ReadonlyMap<string, readonly number[]>): void {
  const first = [...costs.values()].map((values) => values[0] as number);
  console.log(`first events, cold: ${mean(first).toFixed(2)} µs each`);
  const warm = [...costs].map(([topic, values]) => [topic, median(values.slice(WARM_FROM))] as const);
  for (const [topic, cost] of warm) console.log(`${topic}: ${cost.toFixed(2)} µs each`);
  console.log(`all topics, warm: ${mean(warm.map(([, cost]) => cost)).toFixed(2)} µs each`);
}

async function libraryOf(folder = join(fileURLToPath(import.meta.url), '../../../..')): Promise<Library> {
  const traffic = ['dist-lab/libs/testing/src/traffic/index.js', 'dist/libs/evidence/test/simulated-traffic.js']
    .map((place) => join(folder, place))
    .find((place) => existsSync(place));
  if (traffic === undefined) throw new Error(`${folder}: compile it first`);
  return {
    evidence: (await import(join(folder, 'dist/libs/evidence/src/index.js'))) as Library['evidence'],
    traffic: (await import(traffic)) as Library['traffic'],
  };
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function answeredBy(instance: string, event: ObservedEvent): ObservedEvent {
  const isAnswer = event.type === 'request.routed.v1' || event.type === 'generation.completed.v1';
  return isAnswer ? ({ ...event, data: { ...event.data, instance } } as ObservedEvent) : event;
}

/** From JSON, like what a carrier hands over: objects that are copied property by property make a generation up to 1.4 times as expensive to fold. */
function asParsed(event: ObservedEvent): ObservedEvent {
  return JSON.parse(JSON.stringify(event)) as ObservedEvent;
}
