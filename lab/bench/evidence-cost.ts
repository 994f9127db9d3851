/**
 * What an event costs the evidence, whether the cost stays flat, and what an analysis over all partitions costs. Processor time, so that
 * a busy machine doesn't count.
 *
 *   npm run bench:evidence -- [requests=60000] [partitions=4] [--before FOLDER]
 *
 * `--before`: a checkout that `npm run build:lab` was run in, with which every figure is compared.
 */
import {
  analyse,
  encodeEvidence,
  type Evidence,
  evidenceDesign,
  foldEvent,
  memoryKey,
  initialEvidence,
  mergeEvidence,
  type ObservedEvent,
  type RequestEvent,
} from '#libs/evidence';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { asked, printBesideBefore } from './beside-before.js';
import { ownCpuMs } from './parts.js';

/** Of each variant. */
const PODS = 8;
const request = asked();
if (request.before === undefined) measure(request.numbers);
else printBesideBefore(import.meta.url, request);

function measure([requests = 60_000, partitions = 4]: readonly number[]): void {
  const design = evidenceDesign(definition({ warmUp: undefined }), partitions);
  const traffic = new SimulatedTraffic(1, {});
  traffic.candidateShare = 0.1;
  const parts = new Map<string, Evidence>();

  for (const quarter of [1, 2, 3, 4]) {
    const events: ObservedEvent[] = [];
    for (let i = 0; i < requests / 4; i++)
      events.push(...traffic.next().map((event) => asParsed(answeredBy(`pod-${i % PODS}`, event))));
    const before = ownCpuMs();
    for (const event of events) {
      const place = `${event.type}/${memoryKey(event.subject) % partitions}`;
      const evidence = parts.get(place) ?? initialEvidence(design, event.type);
      parts.set(place, evidence);
      foldEvent(evidence, design, event);
    }
    const microseconds = ((ownCpuMs() - before) * 1000) / events.length;
    console.log(`quarter ${quarter}: ${events.length} events, ${microseconds.toFixed(2)} µs each`);
  }

  const rounds = 50;
  const before = ownCpuMs();
  for (let round = 0; round < rounds; round++) analyse([...parts.values()].reduce(mergeEvidence), design, 0);
  console.log(
    `analysis of ${design.metrics.length} metrics in ${parts.size} parts: ${((ownCpuMs() - before) / rounds).toFixed(2)} ms`,
  );
  const bytes = [...parts.values()].map((evidence) => JSON.stringify(encodeEvidence(evidence)).length);
  console.log(`snapshot of a part: ${Math.max(...bytes)} bytes at most, without its units`);
}

function answeredBy(instance: string, event: RequestEvent): ObservedEvent {
  const isAnswer = event.type === 'request.routed.v1' || event.type === 'generation.completed.v1';
  return isAnswer ? ({ ...event, data: { ...event.data, instance } } as RequestEvent) : event;
}

/** From JSON, like what a carrier hands over: objects that are copied property by property make a generation up to 1.4 times as expensive to fold. */
function asParsed(event: ObservedEvent): ObservedEvent {
  return JSON.parse(JSON.stringify(event)) as ObservedEvent;
}
