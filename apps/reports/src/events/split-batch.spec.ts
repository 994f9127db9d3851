import { array, assert, constantFrom, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementsOf, NoListError } from './split-batch.js';

describe('a list of events', () => {
  it('is taken apart into its elements as they were written, whatever stands in them', () => {
    assert(
      property(array(jsonValue()), constantFrom(undefined, 2), (values, indent) => {
        const elements = elementsOf(JSON.stringify(values, null, indent));
        expect(elements.map((element) => JSON.parse(element) as unknown)).toEqual(values.map((value) => asJson(value)));
      }),
    );
  });

  it('keeps every digit, and costs no event for a broken one beside it', () => {
    const seed = '13835058055282163712';
    expect(elementsOf(` \uFEFF[{"seed":${seed}} , {"broken": nonsense}, {"text":"],\\\\\\"["}]\n`.trimStart())).toEqual(
      [`{"seed":${seed}}`, '{"broken": nonsense}', '{"text":"],\\\\\\"["}'],
    );
    expect(elementsOf('[]')).toEqual([]);
  });

  it.each(['', '{}', '[', '[{}', '[{"a":"b]', '[{}]]', '[{}] []', '[{}}', '"["'])('is not %j', (text) => {
    expect(() => elementsOf(text)).toThrow(NoListError);
  });
});

/** -0 is 0 in JSON. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
