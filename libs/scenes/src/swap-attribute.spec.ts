import { describe, expect, it } from 'vitest';
import { formatScene } from './grammar.js';
import { randomScene } from './random-scene.js';
import { oppositeOf } from './scene.js';
import { seededRandom } from './seeded.js';
import { attributes, swapAttribute } from './swap-attribute.js';

describe('swapAttribute', () => {
  it.each(attributes.filter((name) => name !== 'place'))('changes one word of the prompt: %s', (attribute) => {
    const random = seededRandom(2);
    for (let draw = 0; draw < 200; draw += 1) {
      const scene = randomScene(random);
      const swapped = swapAttribute(scene, attribute, random, random.index(scene.objects.length));
      const words = formatScene(scene).split(' ');
      expect(
        formatScene(swapped)
          .split(' ')
          .filter((word, at) => word !== words[at]),
      ).toHaveLength(1);
    }
  });

  it('moves an object and keeps the other one opposite', () => {
    const random = seededRandom(3);
    for (let draw = 0; draw < 200; draw += 1) {
      const scene = randomScene(random, { singleShare: 0.3 });
      const moved = swapAttribute(scene, 'place', random);
      expect(moved.objects[0].place).not.toBe(scene.objects[0].place);
      if (moved.objects.length === 2) expect(moved.objects[1].place).toBe(oppositeOf(moved.objects[0].place));
    }
  });

  it('refuses an object that the scene lacks', () => {
    const single = randomScene(seededRandom(1), { singleShare: 1 });
    expect(() => swapAttribute(single, 'colour', seededRandom(1), 1)).toThrow(
      'object 1 does not exist: the scene has 1',
    );
  });
});
