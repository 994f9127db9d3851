import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { armDigest, digestsAbout, factDigest, packedId, textDigest } from './fact-keys.js';

const bitsOf = (text: string): bigint => createHash('sha256').update(text).digest().readBigInt64BE(0);
const ids = Array.from({ length: 200 }, (_, index) => `generation-${index}`);

describe('digests of facts', () => {
  it('of a text are the first 64 bits of its SHA-256, with a sign as Postgres has them', () => {
    for (const id of ids) expect(textDigest(id)).toBe(bitsOf(id).toString());
    expect(armDigest('cheaper-sampler', 1, 'candidate')).toBe(bitsOf('cheaper-sampler/1/candidate').toString());
  });

  it('of an event are 24 bits of what it is about and 40 of its own id, and lie between those of what it is about', () => {
    for (const about of ids) {
      const { from, to } = digestsAbout(about);
      for (const id of ['1', 'request.routed.v1:ä']) {
        const digest = BigInt(factDigest(about, id));
        expect([digest >> 40n, digest & 0xff_ffff_ffffn]).toEqual([bitsOf(about) >> 40n, bitsOf(id) & 0xff_ffff_ffffn]);
        expect(BigInt(from) <= digest && digest <= BigInt(to)).toBe(true);
      }
    }
  });
});

describe('ids as tables of facts keep them', () => {
  it.each([
    ['0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e', '\\x0190d5a26f7e7c319d4e5b8f0a1c2d3e'],
    [
      '0190D5A2-6F7E-7C31-9D4E-5B8F0A1C2D3E',
      `\\x${Buffer.from('0190D5A2-6F7E-7C31-9D4E-5B8F0A1C2D3E').toString('hex')}`,
    ],
    ['sixteen letters!', `\\x${Buffer.from('sixteen letters!').toString('hex')}00`],
    ['a\0b', `\\x${Buffer.from('a\uFFFDb').toString('hex')}`],
    ['1', '\\x31'],
  ])('%j is %s', (id, packed) => {
    expect(packedId(id)).toBe(packed);
  });
});
