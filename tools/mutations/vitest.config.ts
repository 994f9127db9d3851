import { resolve } from 'node:path';
import { defineConfig, mergeConfig, type Plugin } from 'vitest/config';
import base from '../../vitest.config.js';
import { brokenNow, mutated } from './mutation.js';

/** Breaks a module while it is loaded: no file of the working tree is touched. */
const breaking: Plugin = {
  name: 'teststrip-mutation',
  enforce: 'pre',
  transform(code, id) {
    const { mutation } = brokenNow();
    if (mutation === null || id.split('?')[0] !== resolve(mutation.file)) return null;
    brokenNow().isLoaded = true;
    return mutated(code, mutation);
  },
};

export default mergeConfig(base, defineConfig({ plugins: [breaking] }));
