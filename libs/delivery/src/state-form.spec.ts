import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  analysed,
  applied,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  HEALTHY,
  logOf,
  minutes,
  operator,
  provenUpTo,
  SPLIT_IS_OFF,
  T0,
} from '#libs/testing/delivery';
import { rebuild } from './evolve.js';
import type { DeliveryInput } from './inputs.js';
import { STATE_FORM } from './state.js';

/** Read through schemas of their own, which say what may be missing. */
const OWN_FORM: ReadonlySet<string> = new Set(['spec', 'lastCommand', 'acknowledgements']);

/** Names of everything in a value, and what kind of value each is. */
function formOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [formOf(value[0])];
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, OWN_FORM.has(name) ? name : formOf(part)]),
  );
}

it('the form of a state is what its number stands for: another form needs the next number', () => {
  const draft = define(T0, aSpec({ ramp: explicitRamp(aStage(10_000, { approval: 'required' }), aStage(1_000_000)) }));
  const begun = define(T0);
  const { control, candidate } = aSpec().variants;
  const test = aSpec({ kind: 'ab', variants: { control: control!, candidate: candidate!, other: candidate! } });
  const { command } = logOf(begun)[1] as { readonly command: { readonly commandId: string; readonly epoch: number } };
  const paths: readonly (readonly DeliveryInput[])[] = [
    [draft],
    [begun, applied(minutes(1), command)],
    [begun, analysed(minutes(1), [], { health: SPLIT_IS_OFF })],
    [begun, operator('pause', minutes(1))],
    [begun, analysed(minutes(1), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)])],
    [begun, analysed(minutes(1), [harmful('alignment')])],
    [begun, analysed(minutes(60 * 25), [])],
    [
      define(T0, aSpec(), { file: 'digest' }),
      define(minutes(1), aSpec({ guardrails: [], deadlineMs: 1 }), { file: 'another' }),
    ],
    [begun, operator('rollback', minutes(1)), operator('archive', minutes(2))],
    [define(T0, test), analysed(minutes(1), [harmful('alignment')])],
    [define(T0, aSpec({ guardrails: [], dryRun: aSpec().guardrails })), analysed(minutes(1), [harmful('alignment')])],
    [define(T0, aSpec({ ramp: explicitRamp(aStage(10_000, { gates: { before: ['smoke'] } }), aStage(1_000_000)) }))],
    [begun, analysed(minutes(1), [], { health: { ...HEALTHY, shift: { status: 'found', metrics: ['x'] } } })],
  ];
  const forms = paths.map((path) => formOf(rebuild(logOf(...path))));
  const digest = createHash('sha256').update(JSON.stringify(forms)).digest('hex').slice(0, 12);
  expect([STATE_FORM, digest]).toEqual([5, '728094e735db']);
});
