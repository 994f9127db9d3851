import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import { normaliserOf } from './text-steps.js';

describe('the step that takes blanks away', () => {
  const strip = normaliserOf({ type: 'Strip' });

  it('takes them from both ends, those of Unicode among them', () => {
    expect(strip('\u00a0\u0085 a b\u3000\n\u0085')).toBe('a b');
    expect(strip('\ufeffa\ufeff')).toBe('\ufeffa\ufeff');
    expect(strip(' \t')).toBe('');
    expect(normaliserOf({ type: 'Strip', strip_right: false })(' a ')).toBe('a ');
    expect(normaliserOf({ type: 'Strip', strip_left: false })(' a ')).toBe(' a');
  });

  it('reads 100,000 blanks before a word at once', () => {
    expect(processorMsOf(() => strip(`a${' '.repeat(100_000)}b`))).toBeLessThan(50);
  });
});
