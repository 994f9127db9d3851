import { describe, expect, it } from 'vitest';
import { PrecompiledCharacters } from './precompiled-characters.js';

describe('PrecompiledCharacters', () => {
  const characters = new PrecompiledCharacters(compiled({ ﬁ: 'fi', '①': '1', 'e\u0301': 'é', a: 'b', '\u200b': '' }));

  it('replaces single characters, and leaves others alone', () => {
    expect(characters.normalise('ﬁsh ①0 x漢')).toBe('fish 10 x漢');
    expect(characters.normalise('c\u200bd')).toBe('cd');
    expect(characters.normalise('')).toBe('');
  });

  it('replaces short groups that stand as one, by the shortest key they begin with', () => {
    expect(characters.normalise('e\u0301e')).toBe('ée');
    expect(characters.normalise('a\u0301')).toBe('b');
  });

  it('looks at the characters of longer groups one by one', () => {
    expect(characters.normalise('a\u0301\u0302\u0303')).toBe('b\u0301\u0302\u0303');
  });

  it('refuses one that is cut off', () => {
    expect(() => new PrecompiledCharacters(compiled({ a: 'b' }).subarray(0, 100))).toThrow('cut off');
  });
});

/** A double array of the keys, one block of 256 for the children of each node; then the replacements, ended by zeros. */
function compiled(replacements: Readonly<Record<string, string>>): Uint8Array {
  const blocks = ['', ...prefixesOf(Object.keys(replacements))];
  const units = new Uint32Array(256 * (blocks.length + 1));
  const texts: Buffer[] = [];
  const blockOf = (prefix: string): number => 256 * (blocks.indexOf(prefix) + 1);
  const placeOf = (prefix: string): number =>
    prefix === '' ? 0 : blockOf(prefix.slice(0, -1)) ^ prefix.charCodeAt(prefix.length - 1);
  for (const prefix of blocks) {
    const label = prefix === '' ? 0 : prefix.charCodeAt(prefix.length - 1);
    units[placeOf(prefix)] = label | ((placeOf(prefix) ^ blockOf(prefix)) << 10);
  }
  for (const [key, text] of Object.entries(replacements)) {
    const bytes = Buffer.from(key).toString('latin1');
    units[placeOf(bytes)]! |= 1 << 8;
    units[blockOf(bytes)] = Buffer.concat(texts).length;
    texts.push(Buffer.from(`${text}\0`));
  }
  const size = Buffer.alloc(4);
  size.writeUInt32LE(units.byteLength);
  return Buffer.concat([size, Buffer.from(units.buffer), ...texts]);
}

/** Beginnings of the keys' UTF-8, whole ones included, a byte a character. */
function prefixesOf(keys: readonly string[]): readonly string[] {
  const bytes = keys.map((key) => Buffer.from(key).toString('latin1'));
  return [...new Set(bytes.flatMap((key) => [...key].map((_, at) => key.slice(0, at + 1))))];
}
