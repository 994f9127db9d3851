export { hasBrowser, openBrowser } from './open-browser.js';
export { tinyClip, writeTinyClip } from './tiny-clip/tiny-clip.js';
export { withDatabase, type TestDatabase } from './with-database.js';
