import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MILLION } from '#libs/contracts';
import { assign, bucketOf, hashUnit, matchesAudience, murmur3, prepareRules, salts } from './index.js';

interface Arm {
  readonly experiment: string;
  readonly revision: number;
  readonly unit: string;
  readonly utf8: string;
  readonly hash: number;
  readonly bucket: number;
  readonly variantAt: Readonly<Record<string, string>>;
}

interface Gate {
  readonly layer: string;
  readonly unit: string;
  readonly hash: number;
  readonly bucket: number;
}

interface Share {
  readonly experiment: string;
  readonly unit: string;
  readonly hash: number;
  readonly bucket: number;
  readonly isIn: Readonly<Record<string, boolean>>;
}

const vectors = JSON.parse(readFileSync(new URL('../vectors.json', import.meta.url), 'utf8')) as {
  readonly arms: readonly Arm[];
  readonly gates: readonly Gate[];
  readonly shares: readonly Share[];
};

describe('the vectors that implementations in all languages share', () => {
  it('are met by every draw of a variant', () => {
    expect(vectors.arms.length).toBeGreaterThan(90);
    for (const { experiment, revision, unit, utf8, hash, bucket, variantAt } of vectors.arms) {
      expect(Buffer.from(unit).toString('hex')).toBe(utf8);
      expect(hashUnit(salts.arm(experiment, revision), unit), unit).toBe(hash);
      expect(bucketOf(hash), unit).toBe(bucket);
      for (const [share, variant] of Object.entries(variantAt)) {
        const candidate = Number.parseInt(share, 10) * 10_000;
        const rules = prepareRules({
          experiment,
          revision,
          epoch: 1,
          stage: 0,
          control: 'control',
          variants: ['control', 'candidate'],
          weightsPpm: { control: MILLION - candidate, candidate },
          audience: [],
        });
        expect(assign(rules, { unit, attributes: {} }).variant, `${unit} at ${share}`).toBe(variant);
      }
    }
  });

  it('are met by every draw of a layer', () => {
    for (const { layer, unit, hash, bucket } of vectors.gates) {
      expect(hashUnit(salts.gate(layer), unit), unit).toBe(hash);
      expect(bucketOf(hash), unit).toBe(bucket);
    }
  });

  it('are met by every draw of a share of an audience', () => {
    expect(vectors.shares.length).toBeGreaterThan(60);
    for (const { experiment, unit, hash, bucket, isIn } of vectors.shares) {
      const salt = salts.audience(experiment);
      expect(hashUnit(salt, unit), unit).toBe(hash);
      expect(bucketOf(hash), unit).toBe(bucket);
      for (const [share, expected] of Object.entries(isIn)) {
        const audience = [{ percentPpm: Number.parseInt(share, 10) * 10_000 }];
        expect(matchesAudience(audience, salt, { unit, attributes: {} }), `${unit} in ${share}`).toBe(expected);
      }
    }
  });
});

it('a unit is hashed behind its salt as the whole text is, whatever either is made of', () => {
  const texts = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(texts, texts, (salt, unit) => {
      expect(hashUnit(salt, unit)).toBe(murmur3(`${salt}:${unit}`));
    }),
  );
});
