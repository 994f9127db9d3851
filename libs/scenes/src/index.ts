export { attributes, swapAttribute, type Attribute } from './swap-attribute.js';
export { checkpoints, WRONG_SHARE, type Checkpoint } from './checkpoint.js';
export {
  assertDenoiseOptions,
  denoise,
  MOST_STEPS,
  precisions,
  samplers,
  type DenoiseOptions,
  type Precision,
  type Sampler,
} from './denoise.js';
export { BACKGROUND_RGB, COLOUR_RGB, drawScene, PICTURE_BYTES, PICTURE_SIDE_PX } from './draw-scene.js';
export { gaussianNoise, noiseDeviations } from './gaussian-noise.js';
export {
  EXAMPLE_PROMPT,
  formatScene,
  parsePrompt,
  SCENE_GRAMMAR,
  type ParsedPrompt,
  type PromptProblem,
} from './grammar.js';
export { enumeratePairs, enumerateSingles, randomScene, type RandomSceneOptions } from './random-scene.js';
export {
  backgrounds,
  colours,
  oppositeOf,
  places,
  shapes,
  sizes,
  type Background,
  type Colour,
  type Place,
  type Scene,
  type SceneObject,
  type Shape,
  type Size,
} from './scene.js';
export { hashText, seededRandom, type SeededRandom } from './seeded.js';
export { sfc32 } from './sfc32.js';
