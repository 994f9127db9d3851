import { describe, expect, it } from 'vitest';
import { examples, type ExperimentSpec } from '#libs/contracts';
import type { NewEvent } from '#libs/messaging';
import type { FactReader, RecordedDefinition } from '#libs/persistence/reports';
import { ReviewDesk } from './review-desk.js';

const { spec } = examples.find(({ type }) => type === 'experiment.defined.v1')!.data as {
  readonly spec: ExperimentSpec;
};

function definition(experiment: string): RecordedDefinition {
  return { experiment, revision: 1, spec } as RecordedDefinition;
}

/** A desk at which everything that was made may be judged: one prompt, one picture of each variant. */
function aDesk() {
  const published: NewEvent[] = [];
  const shown: string[] = [];
  const facts = {
    latestAnalysis: () => Promise.resolve(undefined),
    judged: () => Promise.resolve([]),
    reviewPictures: ({ variant }: { readonly variant: string }) =>
      Promise.resolve([{ generationId: `of ${variant}`, prompt: 'a red circle', seed: null }]),
  } as unknown as FactReader;
  const bytes = ({ generationId }: { readonly generationId: string }) => {
    shown.push(generationId);
    return Promise.resolve({ mediaType: 'image/png', bytes: Buffer.alloc(0) } as never);
  };
  const publish = (events: readonly NewEvent[]) => Promise.resolve(void published.push(...events));
  const desk = new ReviewDesk(facts, { bytes }, { publish }, { nowMs: () => 0 });
  const firstPair = async (experiment: string) => (await desk.review(definition(experiment), 'ana', 1)).pairs[0]!;
  return { desk, published, shown, firstPair };
}

const sealedIn = (address: string): string => address.slice(address.lastIndexOf('/') + 1);

describe('who judges pairs', () => {
  it('sees each variant on either side about as often', async () => {
    const { desk, shown, firstPair } = aDesk();
    for (let time = 0; time < 200; time += 1) await desk.picture('one', sealedIn((await firstPair('one')).left));
    const onTheLeft = shown.filter((generationId) => generationId === 'of control').length;
    // Of 200 fair throws, by chance outside once in ten million.
    expect(Math.abs(onTheLeft - 100)).toBeLessThan(38);
  });

  it('judges a pair under the experiment that it was handed out for alone, and sees its pictures there alone', async () => {
    const { desk, published, firstPair } = aDesk();
    const { pair, left } = await firstPair('one');
    await expect(desk.judge('two', { pair, preferred: 'left' }, 'ana')).rejects.toMatchObject({ status: 410 });
    await expect(desk.picture('two', sealedIn(left))).rejects.toMatchObject({ status: 410 });
    expect(published).toEqual([]);
    await desk.judge('one', { pair, preferred: 'left' }, 'ana');
    expect(published).toMatchObject([{ subject: 'one', data: { experiment: 'one', rater: 'ana' } }]);
  });

  it('counts once for a prompt, whatever the side; another person counts as well', async () => {
    const { desk, firstPair } = aDesk();
    const judge = async (rater: string): Promise<string> =>
      desk.judge('one', { pair: (await firstPair('one')).pair, preferred: 'tie' }, rater);
    const hers = await Promise.all(Array.from({ length: 20 }, () => judge('ana')));
    expect(new Set(hers).size).toBe(1);
    expect(await judge('ben')).not.toBe(hers[0]);
  });
});
