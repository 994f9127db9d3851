export { assignmentSignatures, type AssignmentSignatures } from './assignment-signatures.js';
export * from './event-buffer.js';
export * from './events-over-http.js';
export * from './fingerprint.js';
export { isExpected, keyedHash } from './keyed-hash.js';
export * from './request-context.js';
export * from './telemetry.js';
export { within } from './within.js';
