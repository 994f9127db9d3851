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

export interface RandomSceneOptions {
  /** Probability of one object alone. */
  readonly singleShare: number;
}

const DEFAULTS: RandomSceneOptions = { singleShare: 0.35 };

/** A scene drawn uniformly given the number of its objects. */
export function randomScene(random: SeededRandom, { singleShare } = DEFAULTS): Scene {
  const background = random.pick(backgrounds);
  const first = randomObject(random, random.pick(places));
  if (random.uniform() < singleShare) return { objects: [first], background };
  return { objects: [first, randomObject(random, oppositeOf(first.place))], background };
}

/** All scenes with one object, in a fixed order: size × colour × shape × place × background = 1536. */
export function* enumerateSingles(): Generator<Scene> {
  for (const background of backgrounds)
    for (const object of enumerateObjects(places)) yield { objects: [object], background };
}

/** All scenes with two objects, in a fixed order: 4 places × (2·8·6)² × 4 backgrounds = 147 456. */
export function* enumeratePairs(): Generator<Scene> {
  for (const background of backgrounds)
    for (const first of enumerateObjects(places))
      for (const second of enumerateObjects([oppositeOf(first.place)])) yield { objects: [first, second], background };
}

function randomObject(random: SeededRandom, place: Place): SceneObject {
  return { size: random.pick(sizes), colour: random.pick(colours), shape: random.pick(shapes), place };
}

function* enumerateObjects(at: readonly Place[]): Generator<SceneObject> {
  for (const size of sizes)
    for (const colour of colours)
      for (const shape of shapes) for (const place of at) yield { size, colour, shape, place };
}
