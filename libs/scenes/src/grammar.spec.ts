import { describe, expect, it } from 'vitest';
import { EXAMPLE_PROMPT, formatScene, parsePrompt, SCENE_GRAMMAR } from './grammar.js';
import { enumeratePairs, enumerateSingles, randomScene } from './random-scene.js';
import { seededRandom } from './seeded.js';

describe('the scene grammar', () => {
  it('reads a prompt with two objects', () => {
    expect(parsePrompt(EXAMPLE_PROMPT)).toEqual({
      ok: true,
      scene: {
        objects: [
          { size: 'small', colour: 'red', shape: 'circle', place: 'left' },
          { size: 'large', colour: 'blue', shape: 'star', place: 'right' },
        ],
        background: 'sand',
      },
    });
  });

  it('reads a prompt with one object, whatever the letter case and the white space', () => {
    const parsed = parsePrompt('  A Large BLUE star\tat the top  on a\nsky background ');
    expect(parsed).toEqual({
      ok: true,
      scene: { objects: [{ size: 'large', colour: 'blue', shape: 'star', place: 'top' }], background: 'sky' },
    });
  });

  it('gives every scene with one object back after formatting', () => {
    const scenes = [...enumerateSingles()];
    expect(scenes).toHaveLength(2 * 8 * 6 * 4 * 4);
    expect(new Set(scenes.map(formatScene)).size).toBe(scenes.length);
    for (const scene of scenes) expect(parsePrompt(formatScene(scene))).toEqual({ ok: true, scene });
  });

  it('gives random scenes with two objects back after formatting', () => {
    const random = seededRandom(1);
    for (let draw = 0; draw < 500; draw += 1) {
      const scene = randomScene(random, { singleShare: 0 });
      expect(parsePrompt(formatScene(scene))).toEqual({ ok: true, scene });
    }
  });

  it('counts all scenes with two objects', () => {
    let count = 0;
    for (const scene of enumeratePairs()) count += scene.objects.length / 2;
    expect(count).toBe(147_456);
  });

  it.each([
    ['a photo of a cat', 2, 'photo', ['small', 'large']],
    [
      'a small pink circle at the left on a sand background',
      3,
      'pink',
      'red orange yellow green blue purple white black'.split(' '),
    ],
    ['a small red circle at the left and a large blue star at the left on a sand background', 15, 'left', ['right']],
    ['a small red circle at the left on a sand', 11, null, ['background']],
    ['', 1, null, ['a']],
    ['a small red circle at the left on a sand background please', 12, 'please', ['the end of the prompt']],
  ])('says where "%s" leaves the grammar and what was expected', (prompt, position, found, expected) => {
    const parsed = parsePrompt(prompt);
    if (parsed.ok) throw new Error('the prompt was understood');
    expect(parsed.problem).toMatchObject({ prompt, position, found, expected });
    expect(parsed.problem.message).toContain(SCENE_GRAMMAR);
    expect(parsed.problem.message).toContain(EXAMPLE_PROMPT);
    expect(parsed.problem.message).toContain(found === null ? 'ends' : `word ${position} is "${found}"`);
  });
});
