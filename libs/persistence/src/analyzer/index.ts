export { createEvidenceStore, type EvidenceStore } from './evidence-store.js';
export type { ListedEvidence } from './list-evidence.js';
export type { EvidenceFilter } from './load-evidence.js';
export type { EvidenceSnapshot } from './save-evidence.js';
export { listParts } from './list-parts.js';
export { PartsLostError, requireParts } from './require-parts.js';
export { storedPositions } from './stored-positions.js';
export { takePart, type TakenPart } from './take-part.js';
export { type FoldedPart, slowestPart, tellFolded } from './tell-folded.js';
