import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import { withoutTrailingSlashes } from './without-trailing-slashes.js';

describe('an address below which paths are written', () => {
  it.each([
    ['http://a/b', 'http://a/b'],
    ['http://a/b/', 'http://a/b'],
    ['http://a//b//', 'http://a//b'],
    ['///', ''],
    ['', ''],
  ])('%j has no slash at its end: %j', (address, without) => {
    expect(withoutTrailingSlashes(address)).toBe(without);
  });

  it('may be of slashes alone before something else', () => {
    expect(processorMsOf(() => withoutTrailingSlashes(`${'/'.repeat(100_000)}a`))).toBeLessThan(50);
  });
});
