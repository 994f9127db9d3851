import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent, examples, type TeststripEvent } from '#libs/contracts';
import { generationMetrics } from './generation-metrics.js';
import { pictureMetrics } from './picture-metrics.js';
import type { MetricDefinition } from './definition.js';

type Topic = 'generation.completed.v1' | 'image.scored.v1';

/** What the metrics of a topic read from its example with these changes, by name; what they have no data for is left out. */
function measured(topic: Topic, metrics: readonly MetricDefinition[], changes: object): Record<string, unknown> {
  const example = examples.find(({ type }) => type === topic) as TeststripEvent;
  const value = Buffer.from(JSON.stringify({ ...example.data, ...changes }));
  const { data } = decodeEvent({ ...encodeEvent(example), value });
  const facts = { isDuplicate: false };
  const values = metrics.flatMap((metric): [string, unknown][] =>
    'observe' in metric ? [[metric.name, (metric.observe as (...of: unknown[]) => unknown)(data, facts)]] : [],
  );
  return Object.fromEntries(values.filter(([, found]) => found !== null));
}

describe('a value that a service does not report', () => {
  const whole = measured('generation.completed.v1', generationMetrics, {});
  const { timings, gpu } = (examples.find(({ type }) => type === 'generation.completed.v1') as TeststripEvent<Topic>)
    .data as { timings: object; gpu: object };

  it.each([
    ['cost', { cost: null }, ['cost-per-image']],
    ['all of the GPU', { gpu: undefined }, ['gpu-seconds', 'gpu-seconds-per-image', 'gpu-utilisation', 'gpu-memory']],
    ['GPU seconds', { gpu: { ...gpu, seconds: null } }, ['gpu-seconds', 'gpu-seconds-per-image']],
    ['utilisation', { gpu: { ...gpu, utilisation: null } }, ['gpu-utilisation']],
    ['memory', { gpu: { ...gpu, memoryMiB: null } }, ['gpu-memory']],
    ['queue time', { timings: { ...timings, queueMs: null } }, ['queue-time-p95']],
    [
      'inference time',
      { timings: { ...timings, inferenceMs: null } },
      ['inference-latency-p50', 'inference-latency-p95', 'inference-latency-p99'],
    ],
    ['what nobody measures', { seed: null, prompt: null, config: {}, fingerprint: null, error: null }, []],
  ])('%s: its metrics have no data, and all others what they had', (_what, changes, without) => {
    const kept = Object.entries(whole).filter(([name]) => !(without as readonly string[]).includes(name));
    expect(measured('generation.completed.v1', generationMetrics, changes)).toEqual(Object.fromEntries(kept));
    expect(Object.keys(whole)).toEqual(expect.arrayContaining([...without]));
  });

  it('of a score: alignment and quality', () => {
    const found = measured('image.scored.v1', pictureMetrics, { alignment: undefined, quality: undefined });
    expect(Object.keys(found)).toEqual(['blank-rate', 'undecodable-rate', 'duplicate-rate']);
  });
});
