export { createEvidenceStore, type EvidenceStore } from './evidence-store.js';
export type { EvidenceFilter } from './load-evidence.js';
export type { EvidenceSnapshot } from './save-evidence.js';
