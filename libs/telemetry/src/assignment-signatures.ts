import { isExpected, keyedHash } from './keyed-hash.js';

/** What is signed: an assignment, and the request that has it. */
export interface AssignedRequest {
  readonly requestId: string;
  /** The value of `teststrip-assignment`, byte for byte. */
  readonly encoded: string;
}

/** Who has the key can say under which assignment a request runs, and tell whether somebody who has it said so. */
export interface AssignmentSignatures {
  of(request: AssignedRequest): string;
  isOf(request: AssignedRequest, signature: string): boolean;
}

/** HMAC-SHA256 over the id and the assignment. No header holds a line break, so that nothing of the one can be taken for the other. */
export function assignmentSignatures(key: string): AssignmentSignatures {
  const of = ({ requestId, encoded }: AssignedRequest): string => keyedHash(key, `assignment:${requestId}\n${encoded}`);
  return { of, isOf: (request, signature) => isExpected(signature, of(request)) };
}
