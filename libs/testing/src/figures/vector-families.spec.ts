import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isInFamily, statisticsVectors } from './reference-vectors.js';
import { vectorFamilies, type VectorFamily } from './vector-families.js';

const families = Object.keys(vectorFamilies) as VectorFamily[];

describe.skipIf(statisticsVectors === null)('reference vectors', () => {
  it('belong to exactly one family each', () => {
    for (const { id } of statisticsVectors ?? []) {
      expect([id, families.filter((family) => isInFamily(id, family)).length]).toEqual([id, 1]);
    }
  });
});

describe('families of reference vectors', () => {
  it('are each checked by a spec', () => {
    const specs = ['libs', 'lab']
      .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
      .filter((path) => path.endsWith('.vectors.spec.ts'))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    expect(families.filter((family) => !specs.includes(`describeVectors('${family}'`))).toEqual([]);
  });
});
