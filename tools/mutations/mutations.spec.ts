import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutated } from './mutation.js';
import { MUTATIONS } from './mutations.js';

describe('the rules that are broken to see whether specs notice', () => {
  it('stand once in their files, and have specs', () => {
    const gone = MUTATIONS.filter((mutation) => {
      const source = existsSync(mutation.file) ? readFileSync(mutation.file, 'utf8') : '';
      return mutated(source, mutation) === undefined || !mutation.specs.every((spec) => existsSync(spec));
    });
    expect(gone.map(({ breaks, file }) => `${breaks} (${file})`)).toEqual([]);
  });
});
