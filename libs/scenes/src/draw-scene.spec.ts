import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BACKGROUND_RGB, COLOUR_RGB, drawScene, PICTURE_BYTES, PICTURE_SIDE_PX } from './draw-scene.js';
import { parsePrompt } from './grammar.js';
import { randomScene } from './random-scene.js';
import { backgrounds, colours, type Scene } from './scene.js';
import { seededRandom } from './seeded.js';

describe('drawScene', () => {
  // The scorer's model was trained on these bytes: whoever changes them has to train it again.
  it.each([
    [
      'a small red circle at the left and a large blue star at the right on a sand background',
      1,
      '47afb9b890384623475a51bdd5529f5dcc4064590023448dee314a3a68cd72bd',
    ],
    [
      'a large white ring at the top and a small black triangle at the bottom on a slate background',
      2,
      '04527c80b936248b582e9fbe5ea88f727a95a83f93c8cf0cd53b2113ea9aa1bb',
    ],
    [
      'a small yellow cross at the right and a large purple square at the left on a sky background',
      3,
      '0994f0fdd83c91b7b5bb18fd72ad174e7e60c34d7c9c601c1fb6e4170bcdf51e',
    ],
    [
      'a large orange star at the bottom on a rose background',
      4_294_967_295,
      'eb749844a8a6900725958a8b5ab6667bf0a627444cebbe861af80810bb2aa3f1',
    ],
  ])('draws "%s" with seed %i as it always did', (prompt, seed, digest) => {
    expect(sha256(drawScene(sceneOf(prompt), seed))).toBe(digest);
  });

  it('draws the same bytes again, and others for another seed', () => {
    const scene = randomScene(seededRandom(4));
    expect(drawScene(scene, 9)).toEqual(drawScene(scene, 9));
    expect(drawScene(scene, 10)).not.toEqual(drawScene(scene, 9));
    expect(drawScene(scene, 9)).toHaveLength(PICTURE_BYTES);
  });

  it.each(colours)('paints a %s object in its colour at its place', (colour) => {
    const picture = drawScene(sceneOf(`a large ${colour} square at the left on a sand background`), 5);
    expect(pixelAt(picture, 16, 32)).toEqual(COLOUR_RGB[colour]);
  });

  it.each(backgrounds)('shades the %s background by up to 28 grey levels and uses most of them', (background) => {
    const picture = drawScene(sceneOf(`a small black circle at the left on a ${background} background`), 6);
    const corners = [
      [0, 0],
      [0, 63],
      [63, 0],
      [63, 63],
    ].map(([x, y]) => pixelAt(picture, x!, y!)[0]! - BACKGROUND_RGB[background][0]);
    for (const shade of corners) expect(Math.abs(shade)).toBeLessThanOrEqual(28);
    expect(Math.max(...corners) - Math.min(...corners)).toBeGreaterThanOrEqual(54);
  });

  it('makes large objects at least twice as large in area as small ones', () => {
    const small = areas('small');
    const large = areas('large');
    expect(Math.min(...large) / Math.max(...small)).toBeGreaterThan(1.5);
    expect(sum(large) / sum(small)).toBeGreaterThan(2);
  });

  it('keeps colours apart from each other and from every background by more than the shading', () => {
    const tones = [...Object.values(COLOUR_RGB), ...Object.values(BACKGROUND_RGB)];
    for (const [index, one] of tones.entries()) {
      for (const other of tones.slice(index + 1)) {
        expect(Math.max(...one.map((level, channel) => Math.abs(level - other[channel]!)))).toBeGreaterThan(28);
      }
    }
  });
});

function sceneOf(prompt: string): Scene {
  const parsed = parsePrompt(prompt);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.scene;
}

/** Pixels covered by a white circle, for fifty seeds. */
function areas(size: string): number[] {
  const scene = sceneOf(`a ${size} white circle at the right on a slate background`);
  return Array.from(
    { length: 50 },
    (_, seed) => drawScene(scene, seed).filter((level, at) => at % 3 === 0 && level > 200).length,
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function pixelAt(picture: Uint8Array, x: number, y: number): number[] {
  return [...picture.subarray((y * PICTURE_SIDE_PX + x) * 3, (y * PICTURE_SIDE_PX + x) * 3 + 3)];
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
