import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decodeEvent,
  encodeEvent,
  ExperimentFileError,
  parseExperimentFile,
  topics,
  type ExperimentSpec,
  type TeststripEvent,
} from '#libs/contracts';
import { decider, deliveryEvent, rebuild, type DeliveryEvent } from '#libs/delivery';
import { knownMetrics } from '#libs/evidence';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { stageWeights } from '../../libs/delivery/src/allocation.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await withDatabase();
});
afterAll(() => database.close());

/** Numbers as people and mistakes write them: tiny, huge, with many digits. */
const digits = fc.oneof(
  fc.constantFrom('0', '0.0', '0.00001', '0.4', '1', '5', '50', '99.99999', '100', '101', '3650', '200000000'),
  fc.nat({ max: 1_000_000 }).map(String),
  fc.double({ min: 0, max: 1e12, noNaN: true }).map((number) => number.toFixed(9)),
  fc.integer({ min: 300, max: 400 }).map((length) => '9'.repeat(length)),
);
const duration = fc.tuple(digits, fc.constantFrom('ms', 's', 'm', 'h', 'd')).map((parts) => parts.join(''));
const percentage = digits.map((text) => `${text}%`);
const margin = fc
  .tuple(fc.constantFrom('+', '-'), digits, fc.constantFrom('', '%', 'pp'))
  .map((parts) => parts.join(''));
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 1e308, 5e-324, 0.05, 200));
/** Any UTF-16 at all: NUL, lone surrogates, line separators. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('a', '\u0000', '\ud800', '__proto__', 'constructor'),
);
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('control', 'candidate', 'constructor', 'b2') },
  { weight: 1, arbitrary: text },
);
const metric = fc.constantFrom(
  'alignment',
  'error-rate',
  'latency-p95',
  'preference',
  'quality.clean',
  'download-rate',
  'mine',
  'diversity',
);

const config = fc
  .record(
    { guidance: fc.oneof(number, fc.constant(7)), extra: fc.oneof(text, number, fc.boolean()) },
    { requiredKeys: [] },
  )
  .map((more) => ({ checkpoint: 'a', sampler: 'b', steps: 3, precision: 'fp16', ...more }));
const upstream = fc.oneof(
  { weight: 8, arbitrary: fc.constant('http://127.0.0.1:8000') },
  { weight: 1, arbitrary: fc.webUrl() },
  { weight: 1, arbitrary: text },
);
/** Every part of a file as it may come. */
const parts = {
  kind: fc.constantFrom('canary', 'ab'),
  variants: fc
    .tuple(fc.dictionary(name, fc.record({ upstream, config }), { maxKeys: 3 }), config)
    .map(([others, own]) => ({
      control: { upstream: 'http://127.0.0.1:8000', config: own },
      candidate: { upstream: 'http://127.0.0.1:8001', config: own },
      ...others,
    })),
  audience: fc.array(fc.record({ attribute: text, in: fc.array(text, { maxLength: 2 }) }), { maxLength: 2 }),
  ramp: fc.oneof(
    fc.constant('auto'),
    percentage.map((from) => ({ auto: { from } })),
    fc
      .array(
        fc.record({ weight: percentage, atLeast: duration, atLeastUnits: fc.integer() }, { requiredKeys: ['weight'] }),
        { maxLength: 3 },
      )
      .map((stages) => [...stages, { weight: '100%' }]),
  ),
  guardrails: fc.array(fc.record({ metric, margin }), { minLength: 1, maxLength: 2 }),
  objectives: fc.array(fc.record({ metric, weight: number }, { requiredKeys: ['metric'] }), { maxLength: 2 }),
  rope: percentage,
  metrics: fc.constantFrom(
    [],
    [{ name: 'mine', path: 'image.scored.v1/quality.clean', kind: 'p10', direction: 'higher', bounds: [0, 1e300] }],
  ),
  watch: fc.array(metric, { maxLength: 1 }),
  lostControllerAfter: duration,
  holdAtMost: duration,
  deadline: duration,
  alpha: number,
  baselineUnits: number,
};
const fine = { checkpoint: 'a', sampler: 'b', steps: 3, precision: 'fp16' };
const FINE_FILE = {
  apiVersion: 'teststrip/v1',
  key: 'fuzzed',
  service: 'text-to-image',
  kind: 'canary',
  variants: {
    control: { upstream: 'http://127.0.0.1:8000', config: fine },
    candidate: { upstream: 'http://127.0.0.1:8001', config: { ...fine, steps: 2 } },
  },
  guardrails: [{ metric: 'error-rate', margin: '+0.5pp' }],
  objectives: [{ metric: 'alignment' }],
};
/** A fine file of which some parts came otherwise. */
const file = fc
  .tuple(fc.record(parts), fc.subarray(Object.keys(parts) as (keyof typeof parts)[], { maxLength: 3 }))
  .map(([wild, changed]) => ({ ...FINE_FILE, ...Object.fromEntries(changed.map((part) => [part, wild[part]])) }));

describe('whatever an experiment file holds', () => {
  it('is refused with its problems, or is read back by everybody that is told of it', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(file, async (value) => {
        const spec = parsed(JSON.stringify(value));
        if (!spec) return;
        accepted += 1;
        for (const event of eventsAbout(spec)) expect(decodeEvent(encodeEvent(event)).data).toEqual(event.data);
        await expectKeptByTheLog(decisionsAbout(spec));
      }),
      { numRuns: 1_500, seed: 1 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('is a text that is refused or read, never a failure', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (anything) => {
        parsed(anything);
        parsed(`key: &a ${anything}\nservice: *a`);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Undefined where the file is refused; anything but a refusal fails the test. */
function parsed(content: string): ExperimentSpec | undefined {
  try {
    return parseExperimentFile(content, 'fuzzed.yaml', knownMetrics);
  } catch (error) {
    if (!(error instanceof ExperimentFileError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const { line, message } of error.problems) expect([line >= 1, message.length > 0]).toEqual([true, true]);
    return undefined;
  }
}

/** Definition and start, then an end by an operator: an empty list where the first stage is refused. */
function decisionsAbout(spec: ExperimentSpec): readonly DeliveryEvent[] {
  if (spec.ramp.stages[0]?.weightPpm === 1_000_000) return [];
  const fingerprints = Object.fromEntries(Object.keys(spec.variants).map((variant) => [variant, 'f']));
  const by = { actor: 'ana', note: '', atMs: Date.UTC(2026, 0, 1) };
  const defined = decider.decide(decider.initialState, { type: 'define', ...by, commandId: 'c1', spec, fingerprints });
  const state = defined.reduce(decider.evolve, decider.initialState);
  if (state.phase !== 'running') return defined;
  return [...defined, ...decider.decide(state, { type: 'rollback', ...by, commandId: 'c2' })];
}

/** The definition and a command at every stage of the ramp. */
function eventsAbout(spec: ExperimentSpec): readonly TeststripEvent[] {
  const [defined, started] = decisionsAbout(spec);
  if (defined?.type !== 'defined' || started?.type !== 'started') return [];
  const attributes = {
    specversion: '1.0',
    id: 'e1',
    source: 'test',
    time: '2026-01-01T00:00:00.000Z',
    subject: spec.key,
  } as const;
  return [
    { ...attributes, type: topics.experimentDefined.name, data: defined.definition },
    ...spec.ramp.stages.map((_stage, stage) => ({
      ...attributes,
      type: topics.allocationCommanded.name,
      data: { ...started.command, stage, weightsPpm: stageWeights(spec, stage) },
    })),
  ];
}

async function expectKeptByTheLog(events: readonly DeliveryEvent[]): Promise<void> {
  const [row] = await database.query<{ readonly kept: unknown[] }>('select $1::jsonb as kept', [
    JSON.stringify(events),
  ]);
  const kept = row!.kept.map((event) => deliveryEvent.parse(event));
  expect(kept).toEqual(events);
  expect(rebuild(kept)).toEqual(rebuild(events));
}
