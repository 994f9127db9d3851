export { createFactStore, type FactStore } from './fact-store.js';
export type { ForgottenFacts } from './retain/forget-facts.js';
