import { describe, expect, it } from 'vitest';
import type { ReviewPicture } from '#libs/persistence/reports';
import { pairsToReview, type Review } from './pairs-to-review.js';

const picture = (generationId: string, prompt: string, seed: string | null = null): ReviewPicture => ({
  generationId,
  prompt,
  seed,
});

const judged = (rater: string, prompt: string, leftVariant = 'control', rightVariant = 'new') => ({
  rater,
  prompt,
  leftVariant,
  rightVariant,
});

function review(
  ofControl: readonly ReviewPicture[],
  ofCandidate: readonly ReviewPicture[],
  judgements: readonly ReturnType<typeof judged>[] = [],
): Review {
  return pairsToReview(
    { control: 'control', ofControl, ofCandidates: new Map([['new', ofCandidate]]) },
    judgements,
    'ana',
  );
}

describe('pairs to review', () => {
  it('are of one prompt, and of one seed where there are such', () => {
    const { open } = review(
      [picture('c1', 'a cross', '7'), picture('c2', 'a cross', '8'), picture('c3', 'a ring', '1')],
      [picture('n1', 'a cross', '9'), picture('n2', 'a cross', '8'), picture('n3', 'a disc', '1')],
    );
    expect(open).toEqual([{ candidate: 'new', prompt: 'a cross', ofControl: 'c2', ofCandidate: 'n2' }]);
  });

  it('are none of prompts that are too long to be sent back with a judgement', () => {
    const [long, escaped] = ['a cross '.repeat(2_000), '\u0001'.repeat(2_000)];
    const made = ['a cross', long, escaped].map((prompt) => picture('any', prompt));
    expect(review(made, made).open.map(({ prompt }) => prompt)).toEqual(['a cross']);
  });

  it('are the newest ones of the prompt where no seed is the same', () => {
    const { open } = review(
      [picture('c1', 'a cross'), picture('c2', 'a cross')],
      [picture('n1', 'a cross', '3'), picture('n2', 'a cross', '4')],
    );
    expect(open).toMatchObject([{ ofControl: 'c1', ofCandidate: 'n1' }]);
  });

  it('are those that the person has not judged, on whichever side control was; the least judged first', () => {
    const prompts = ['a', 'b', 'c', 'd'];
    const made = (of: string) => prompts.map((prompt) => picture(`${of}-${prompt}`, prompt));
    const { open, judged: count } = review(made('c'), made('n'), [
      judged('ana', 'b'),
      judged('ana', 'd', 'new', 'control'),
      judged('ben', 'a'),
      judged('ben', 'b'),
    ]);
    expect(open.map(({ prompt }) => prompt)).toEqual(['c', 'a']);
    expect(count).toBe(2);
  });
});
