import {
  backgrounds,
  colours,
  oppositeOf,
  places,
  shapes,
  sizes,
  type Place,
  type Scene,
  type SceneObject,
} from './scene.js';
import type { SeededRandom } from './seeded.js';

export const attributes = ['colour', 'shape', 'size', 'place', 'background'] as const;
export type Attribute = (typeof attributes)[number];

/**
 * The scene with exactly one attribute replaced by another value. Colour, shape and size change on the object `objectIndex`;
 * `place` moves that object and, where there are two, the other one to the opposite place; `background` belongs to no object.
 */
export function swapAttribute(scene: Scene, attribute: Attribute, random: SeededRandom, objectIndex = 0): Scene {
  if (attribute === 'background') return { ...scene, background: another(backgrounds, scene.background, random) };
  const object = scene.objects[objectIndex];
  if (!object) throw new RangeError(`object ${objectIndex} does not exist: the scene has ${scene.objects.length}`);
  switch (attribute) {
    case 'colour':
      return replaceObject(scene, objectIndex, { ...object, colour: another(colours, object.colour, random) });
    case 'shape':
      return replaceObject(scene, objectIndex, { ...object, shape: another(shapes, object.shape, random) });
    case 'size':
      return replaceObject(scene, objectIndex, { ...object, size: another(sizes, object.size, random) });
    case 'place':
      return moveObject(scene, objectIndex, another(places, object.place, random));
    default:
      return attribute satisfies never;
  }
}

function another<T>(values: readonly T[], present: T, random: SeededRandom): T {
  return random.pick(values.filter((value) => value !== present));
}

function replaceObject(scene: Scene, index: number, object: SceneObject): Scene {
  const objects = scene.objects.map((present, at) => (at === index ? object : present));
  return { ...scene, objects: objects as unknown as Scene['objects'] };
}

function moveObject(scene: Scene, index: number, place: Place): Scene {
  const objects = scene.objects.map((object, at) => ({ ...object, place: at === index ? place : oppositeOf(place) }));
  return { ...scene, objects: objects as unknown as Scene['objects'] };
}
