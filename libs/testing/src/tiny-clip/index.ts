export { tinyCheckpoint, writeTinyCheckpoint } from './tiny-checkpoint.js';
export { tinyClip, writeTinyClip } from './tiny-clip.js';
