import { expect, it } from 'vitest';
import { UnbegunRevisions } from './unbegun-revisions.js';

it('are those of a service whose evidence is in memory, until they begin', () => {
  const unbegun = new UnbegunRevisions();
  const of = (service: string): readonly string[] => [...unbegun.of(service)];
  unbegun.add('a@1', 'text-to-image');
  unbegun.add('b@1', 'text-to-image');
  unbegun.add('c@1', 'upscale');
  expect([of('text-to-image'), of('upscale'), of('other')]).toEqual([['a@1', 'b@1'], ['c@1'], []]);
  for (const key of ['a@1', 'c@1', 'unknown@1']) unbegun.lay(key);
  expect([of('text-to-image'), of('upscale')]).toEqual([['b@1'], []]);
  for (const key of ['a@1', 'c@1', 'unknown@1']) unbegun.wake(key);
  expect([of('text-to-image'), of('upscale')]).toEqual([['b@1', 'a@1'], ['c@1']]);
  for (const key of ['a@1', 'unknown@1']) unbegun.delete(key);
  unbegun.lay('a@1');
  unbegun.wake('a@1');
  expect(of('text-to-image')).toEqual(['b@1']);
});
