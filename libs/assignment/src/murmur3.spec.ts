import { describe, expect, it } from 'vitest';
import { bucketOf, murmur3 } from './index.js';

/** Key, hash, weights and answer, from open-feature/flagd, core/pkg/evaluator/fractional_test.go (Apache-2.0). */
const fractionalCases: readonly (readonly [string, number, readonly (readonly [string, number])[], string])[] = [
  [
    'my-seedrachel@faas.com',
    2931187178,
    [
      ['red', 25],
      ['blue', 25],
      ['green', 25],
      ['yellow', 25],
    ],
    'green',
  ],
  [
    'my-seedmonica@faas.com',
    309002457,
    [
      ['red', 25],
      ['blue', 25],
      ['green', 25],
      ['yellow', 25],
    ],
    'red',
  ],
  [
    'my-seedjoey@faas.com',
    1300152927,
    [
      ['red', 25],
      ['blue', 25],
      ['green', 25],
      ['yellow', 25],
    ],
    'blue',
  ],
  [
    'my-seedross@faas.com',
    3030988938,
    [
      ['red', 25],
      ['blue', 25],
      ['green', 25],
      ['yellow', 25],
    ],
    'green',
  ],
  [
    'ross@faas.com',
    345441592,
    [
      ['red', 25],
      ['blue', 25],
      ['green', 25],
      ['yellow', 25],
    ],
    'red',
  ],
  [
    'email',
    3737300892,
    [
      ['red', 50],
      ['blue', 25],
      ['green', 25],
    ],
    'green',
  ],
  [
    'foo@foo.com',
    4156476097,
    [
      ['red', 25],
      ['blue', 25],
    ],
    'blue',
  ],
  [
    'foo@foo.com',
    4156476097,
    [
      ['red', 1],
      ['blue', 1],
    ],
    'blue',
  ],
  [
    'headerColorfoo@foo.com',
    3455740957,
    [
      ['blue', 50],
      ['green', 50],
    ],
    'green',
  ],
  [
    'headerColorfoo@foo.com',
    3455740957,
    [
      ['red', 50],
      ['blue', 50],
    ],
    'blue',
  ],
];

describe('murmur3', () => {
  it('gives the published values of MurmurHash3_x86_32', () => {
    expect(murmur3('')).toBe(0);
    expect(murmur3('', 1)).toBe(0x514e28b7);
    expect(murmur3('', 0xffffffff)).toBe(0x81f16f39);
    expect(murmur3('aaaa', 0x9747b28c)).toBe(0x5a97808a);
    expect(murmur3('aaa', 0x9747b28c)).toBe(0x283e0130);
    expect(murmur3('aa', 0x9747b28c)).toBe(0x5d211726);
    expect(murmur3('a', 0x9747b28c)).toBe(0x7fa09ea6);
    expect(murmur3('Hello, world!', 0x9747b28c)).toBe(0x24884cba);
    expect(murmur3('The quick brown fox jumps over the lazy dog', 0x9747b28c)).toBe(0x2fa826cd);
  });

  it('hashes the UTF-8 bytes of text beyond ASCII', () => {
    expect(murmur3('ππππππππ', 0x9747b28c)).toBe(0xd58063c1);
  });

  it('agrees with the fractional evaluation of flagd, hash and distribution', () => {
    for (const [key, hash, weights, expected] of fractionalCases) {
      expect(murmur3(key), key).toBe(hash);
      const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
      let left = bucketOf(hash, total);
      const chosen = weights.find(([, weight]) => (left -= weight) < 0);
      expect(chosen?.[0], key).toBe(expected);
    }
  });
});
