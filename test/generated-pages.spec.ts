import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generatedPages } from '../tools/docs/pages.js';

describe('generated pages', () => {
  it.each([...generatedPages()])('%s is in step with the code (npm run docs writes it)', (path, text) => {
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});
