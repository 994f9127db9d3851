import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, mergeConfig, type Plugin } from 'vitest/config';
import base from '../../vitest.config.js';
import { MUTATIONS } from './mutations.js';
import { mutated } from './mutation.js';

/** Number of the mutation in the list; absent: nothing is broken. */
const asked = process.env['TESTSTRIP_MUTATION'];
/** Written as soon as the broken module is loaded: a spec that never loads it proves nothing. */
const seenFile = process.env['TESTSTRIP_MUTATION_SEEN'];

/** Breaks one module while it is loaded: no file of the working tree is touched. */
function breaking(index: number): Plugin {
  const mutation = MUTATIONS[index];
  if (!mutation) throw new Error(`TESTSTRIP_MUTATION=${index}: expected a number below ${MUTATIONS.length}`);
  const place = resolve(mutation.file);
  return {
    name: 'teststrip-mutation',
    enforce: 'pre',
    transform(code, id) {
      if (id.split('?')[0] !== place) return null;
      if (seenFile !== undefined) writeFileSync(seenFile, mutation.breaks);
      return mutated(code, mutation);
    },
  };
}

export default mergeConfig(base, defineConfig({ plugins: asked === undefined ? [] : [breaking(Number(asked))] }));
