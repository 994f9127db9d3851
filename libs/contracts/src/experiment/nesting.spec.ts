import { describe, expect, it } from 'vitest';
import { MOST_LEVELS, tooDeepInJson, tooDeepInYaml } from './nesting.js';
import { readYaml } from './yaml-document.js';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('a text that is nested too deeply', () => {
  it('is known before a reader that calls itself for each level has it', () => {
    expect(tooDeepInJson(nested(MOST_LEVELS))).toBeUndefined();
    expect(tooDeepInJson(nested(MOST_LEVELS + 1))).toBe(MOST_LEVELS);
    expect(tooDeepInJson(`{"a": "\\"${nested(100_000)}"}`)).toBeUndefined();
    expect(tooDeepInJson(`{"a\\\\": ${nested(100)}}`)).toBeDefined();
    expect(tooDeepInJson('[],'.repeat(10_000))).toBeUndefined();
  });

  it.each([
    ['brackets', nested(100_000)],
    ['brackets in JSON', `{"key": ${nested(100_000)}}`],
    ['braces that never end', '{a: '.repeat(30_000)],
    ['brackets after a quote that begins no text', `a: b" ${nested(1_000)}`],
    ['keys in a row', 'a: '.repeat(60_000)],
    ['lists in lists', '- '.repeat(50_000)],
    ['keys of keys', '? '.repeat(50_000)],
    ['more and more indentation', Array.from({ length: 600 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
  ])('is refused with its place: %s', (_what, text) => {
    expect(tooDeepInYaml(text)).toBeDefined();
    const read = readYaml(text) as { readonly faults: readonly unknown[] };
    expect(read.faults).toEqual([
      { line: expect.any(Number), column: expect.any(Number), message: 'nested too deeply for an experiment file' },
    ]);
  });

  it('is none where many things stand beside each other, or in a text', () => {
    const list = '- [a, {b: c}]\n'.repeat(2_000);
    expect(readYaml(`list:\n${list}`)).toMatchObject({ value: { list: expect.any(Array) } });
    expect(tooDeepInYaml('a: "[[[ {{{ :-["\n'.repeat(8))).toBeUndefined();
  });

  it('that stays under the limits is read whole', () => {
    const block = Array.from({ length: 190 }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
    const text = `${block}\n${' '.repeat(190)}${nested(MOST_LEVELS)}`;
    expect(readYaml(text)).toHaveProperty('value');
    expect(readYaml(`${'- '.repeat(99)}x`)).toHaveProperty('value');
  });
});
