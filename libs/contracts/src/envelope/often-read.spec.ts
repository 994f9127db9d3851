import type { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { examples } from '../events/examples.js';
import { schemas } from '../events/topics.js';
import { eventAttributes } from './encode.js';
import { OftenRead } from './often-read.js';

/** A schema that has been read so often that it is compiled by now. */
function often(schema: z.ZodType): z.ZodType {
  const read = new OftenRead(schema);
  for (let time = 0; time < 1_000; time++) read.now();
  return read.now();
}

/** What stands in place of a value, each in turn; undefined: nothing. */
const OTHERS: readonly unknown[] = [undefined, null, -1, 0.5, 2 ** 60, Number.NaN, '', 'No Name!', true, [], {}];

/** The value, and the same with each of its parts replaced in turn. */
function* variantsOf(value: unknown): Generator<unknown> {
  yield value;
  yield* OTHERS;
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, part] of value.entries()) for (const other of variantsOf(part)) yield value.with(index, other);
    return;
  }
  yield { ...value, notInTheSchema: 1 };
  for (const [name, part] of Object.entries(value)) {
    const { [name]: _left, ...rest } = value as Record<string, unknown>;
    yield rest;
    for (const other of variantsOf(part)) yield { ...value, [name]: other };
  }
}

function said({ success, data, error }: z.ZodSafeParseResult<unknown>): unknown {
  return success ? data : error.issues;
}

describe('a schema that is read often', () => {
  it.each(examples.map((example) => [example.type, example] as const))(
    'says of every %s, whole or broken, what it said before it was compiled',
    (type, example) => {
      const schema: z.ZodType = schemas[type];
      const compiled = often(schema);
      expect(compiled).not.toBe(schema);
      for (const value of variantsOf(example.data))
        expect(said(compiled.safeParse(value))).toEqual(said(schema.safeParse(value)));
    },
  );

  it('says the same of attributes', () => {
    const compiled = often(eventAttributes);
    for (const value of variantsOf(examples[0]))
      expect(said(compiled.safeParse(value))).toEqual(said(eventAttributes.safeParse(value)));
  });

  it('is compiled once only', () => {
    const read = new OftenRead(eventAttributes);
    for (let time = 0; time < 1_000; time++) read.now();
    expect(read.now()).toBe(read.now());
    expect(read.now()).not.toBe(eventAttributes);
  });
});
