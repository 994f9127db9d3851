export { standalone } from './standalone.js';
