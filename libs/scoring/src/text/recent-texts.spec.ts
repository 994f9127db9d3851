import { describe, expect, it } from 'vitest';
import { RecentTexts } from './recent-texts.js';

/** Texts whose alignment with every picture is the number they consist of. */
function textsOf(alignments: Readonly<Record<string, number>>): RecentTexts {
  const texts = new RecentTexts();
  for (const [prompt, alignment] of Object.entries(alignments)) texts.note(prompt, Float32Array.of(alignment));
  return texts;
}

const alignmentWith = ([alignment]: Float32Array): number => alignment as number;

describe('RecentTexts', () => {
  it('says which share of the other prompts fits worse, ties by half', () => {
    const texts = textsOf({ own: 0.5, a: 0.25, b: 0.125, c: 0.75, d: 0.5 });
    expect(texts.separation('own', 0.5, alignmentWith)).toBe(2.5 / 4);
  });

  it('says nothing with fewer than four others', () => {
    expect(textsOf({ own: 0.5, a: 0, b: 0, c: 0 }).separation('own', 0.5, alignmentWith)).toBeNull();
  });

  it('keeps the latest of them, each once', () => {
    const texts = new RecentTexts();
    for (let n = 0; n < 100; n += 1) texts.note(`prompt ${n}`, Float32Array.of(n < 67 ? 1 : 0));
    texts.note('prompt 99', Float32Array.of(0));
    expect(texts.separation('prompt 99', 0.5, alignmentWith)).toBe(1);
  });
});
