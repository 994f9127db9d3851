export * from './with-database.js';
