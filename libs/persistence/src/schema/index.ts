export { createDataSource } from './data-source.js';
export { migrate } from './migrate.js';
