export { hasBrowser, openBrowser } from './open-browser.js';
export { withDatabase, type TestDatabase } from './with-database.js';
