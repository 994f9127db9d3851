export { clipTensors, countOf, safetensorsHeader, type TensorShapes } from './clip-tensors.js';
export { tinyCheckpoint, tinySiglip, writeTinyCheckpoint, writeTinySiglip } from './tiny-checkpoint.js';
export { tinyClip, writeTinyClip } from './tiny-clip.js';
