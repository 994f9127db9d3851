export { tinyClip, writeTinyClip } from './tiny-clip.js';
