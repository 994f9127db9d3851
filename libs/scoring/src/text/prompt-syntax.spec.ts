import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import { readPrompt } from './prompt.js';

describe('readPrompt', () => {
  it.each([
    ['a (red:1.3) star', 'a red star'],
    ['a ((very (small:1.2))) star', 'a very small star'],
    ['((masterpiece)), (best quality:1.4), a cat', 'masterpiece, best quality, a cat'],
    ['[cow|horse] in a field', 'cow horse in a field'],
    ['a [dog:cat:0.5] asleep', 'a cat asleep'],
    ['a cat [on a sofa:0.3]', 'a cat on a sofa'],
    ['a [red::10] cat', 'a red cat'],
    ['a cat BREAK a green meadow', 'a cat a green meadow'],
    ['a cat <lora:detail-xl:0.8>, <hypernet:anime:1>', 'a cat ,'],
    ['a smile \\(closed eyes\\)', 'a smile (closed eyes)'],
    ['  red\n\t star ', 'red star'],
    ['<lora:detail-xl:0.8>', ''],
  ])('takes out what front ends mean and the picture does not show: %s', (written, said) => {
    expect(readPrompt(written)).toBe(said);
  });

  it.each([
    'a cat (asleep)',
    'a sign that says [open]',
    '3 < 4 > 2',
    'a ratio of 16:9',
    'breakfast',
    '{"subject": "a cat"}',
  ])('leaves as it is what is no syntax: %s', (prompt) => {
    expect(readPrompt(prompt)).toBe(prompt);
  });

  it('reads a prompt of a million brackets in time', () => {
    expect(readPrompt('('.repeat(500_000) + ')'.repeat(500_000)).length).toBeGreaterThan(900_000);
    expect(readPrompt('[a:'.repeat(100_000)).length).toBe(300_000);
  });

  it.each([
    ['blanks after a bracket', `(${' '.repeat(100_000)}`],
    ['blanks and a weight without an end', `(${' '.repeat(50_000)}:${'0'.repeat(50_000)}`],
    ['digits of a weight without an end', `(a:${'0'.repeat(100_000)}`],
    ['digits of a schedule without an end', `[a:b:${'0'.repeat(100_000)}.]`],
    ['digits that are no step', `[a:${'0'.repeat(100_000)}.]`],
    ['bars without an end', `[${'|'.repeat(100_000)}`],
  ])('reads 100,000 %s at once', (_what, prompt) => {
    expect(processorMsOf(() => readPrompt(prompt))).toBeLessThan(200);
  });
});
