import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeOf, withNumber } from './json-edit.js';

describe('a number in the text of a JSON object', () => {
  it('takes the place of what was there, and changes nothing else', () => {
    const text = '{"big":18446744073709551557, "prompt":"a \\"seed\\": -1 }", "seed" : -1 ,"x":[{"seed":3}]}';
    expect(withNumber(text, 'seed', 7)).toBe(text.replace('"seed" : -1', '"seed" : 7'));
    expect(withNumber('{"input":{"seed":null}}', 'input.seed', 7)).toBe('{"input":{"seed":7}}');
    // The last one counts, for whoever reads it.
    expect(withNumber('{"seed":1,"seed":-1}', 'seed', 7)).toBe('{"seed":1,"seed":7}');
  });

  it('is a new member where there was none', () => {
    expect(withNumber('{"prompt":"x"}', 'seed', 7)).toBe('{"seed":7,"prompt":"x"}');
    expect(withNumber(' { } ', 'seed', 7)).toBe(' {"seed":7 } ');
    expect(withNumber('{"inputs":"x"}', 'parameters.seed', 7)).toBe('{"parameters":{"seed":7},"inputs":"x"}');
    expect(withNumber('{"parameters":{"n":1}}', 'parameters.seed', 7)).toBe('{"parameters":{"seed":7,"n":1}}');
    expect(withNumber('{"parameters":[1]}', 'parameters.seed', 7)).toBeNull();
  });

  it('reads back as the object with it, whatever else is in there', () => {
    const key = fc.oneof(fc.constantFrom('seed', 'prompt', 'input'), fc.string());
    const members = fc.dictionary(key, fc.jsonValue(), { maxKeys: 6 });
    fc.assert(
      fc.property(members, fc.boolean(), fc.nat(), (value, isSpread, seed) => {
        const text = JSON.stringify(value, null, isSpread ? 2 : 0);
        expect(JSON.parse(withNumber(text, 'seed', seed) as string)).toEqual({ ...JSON.parse(text), seed });
        const place = placeOf(text, 'input');
        const there = place && JSON.parse(text.slice(place.from, place.to));
        expect(there).toEqual(Object.hasOwn(value, 'input') ? JSON.parse(JSON.stringify(value['input'])) : null);
      }),
    );
  });
});
