import { describe, expect, it } from 'vitest';
import { encodeEmbedding } from '#libs/contracts';
import type { EmbeddedPicture } from '#libs/persistence/reports';
import { likenessOf } from './alike-prompts.js';

describe('likenessOf', () => {
  it('pairs by prompt, sorts by how alike the pictures are, and says what lies in the middle', () => {
    const control = [picture('a', 0), picture('b', 0), picture('c', 0), picture('only control', 0)];
    const candidate = [picture('a', 60), picture('b', 0), picture('c', 90), picture('only candidate', 0)];
    const { prompts, medianLikeness, leastAlike, mostAlike } = likenessOf(control, candidate, 2);
    expect(prompts).toBe(3);
    expect(medianLikeness).toBeCloseTo(0.5, 3);
    expect(leastAlike.map(({ prompt }) => prompt)).toEqual(['c', 'a']);
    expect(mostAlike.map(({ prompt }) => prompt)).toEqual(['b', 'a']);
    expect(mostAlike[0]!.likeness).toBeCloseTo(1, 3);
    expect(leastAlike[0]).toMatchObject({
      isSameSeed: false,
      control: { generationId: 'c/0', imageIndex: 0, href: '/api/pictures/c%2F0/0?service=text-to-image' },
      candidate: { generationId: 'c/90', imageIndex: 0 },
    });
  });

  it('compares pictures of one seed where there are such', () => {
    const control = [picture('a', 0, { seed: '1' }), picture('a', 90, { seed: '2' })];
    const candidate = [picture('a', 45), picture('a', 91, { seed: '2' })];
    const { mostAlike } = likenessOf(control, candidate, 1);
    expect(mostAlike).toMatchObject([{ isSameSeed: true, control: { generationId: 'a/90' } }]);
  });

  it('compares nothing of different scorers, and nothing that is no embedding', () => {
    const other = { identity: 'other' };
    expect(likenessOf([picture('a', 0)], [picture('a', 0, other)], 1).prompts).toBe(0);
    expect(likenessOf([picture('a', 0)], [picture('a', 0, { embedding: 'AA==' })], 1).prompts).toBe(0);
    expect(likenessOf([], [], 1)).toEqual({ prompts: 0, medianLikeness: null, leastAlike: [], mostAlike: [] });
  });
});

/** Its embedding points so many degrees away from the first axis. */
function picture(prompt: string, degrees: number, change: Partial<EmbeddedPicture> = {}): EmbeddedPicture {
  const angle = (degrees / 180) * Math.PI;
  return {
    service: 'text-to-image',
    generationId: `${prompt}/${degrees}`,
    imageIndex: 0,
    prompt,
    seed: null,
    identity: 'scorer',
    embedding: encodeEmbedding([Math.cos(angle), Math.sin(angle)]),
    ...change,
  };
}
