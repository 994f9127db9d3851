import { assignmentSignatures } from './assignment-signatures.js';
import type { RequestContext } from './request-context.js';

/** Takes the assignment from requests of which no router that has the same key has said it. */
export class SignedAssignments {
  private readonly signatures;
  private taken = 0;

  /** @param key undefined: every assignment counts */
  constructor(
    key: string | undefined,
    private readonly onTrouble: (message: string) => void,
  ) {
    this.signatures = key === undefined ? undefined : assignmentSignatures(key);
  }

  /** How many were left out so far. */
  get leftOut(): number {
    return this.taken;
  }

  check(request: RequestContext): RequestContext {
    const { requestId, assignment, signed } = request;
    if (!assignment || !this.signatures) return request;
    if (signed && this.signatures.isOf({ requestId, encoded: signed.encoded }, signed.signature)) return request;
    this.taken += 1;
    if (this.taken === 1) {
      const why = signed ? 'is signed with another key, or for another request or assignment' : 'is not signed';
      this.onTrouble(`the assignment of request ${requestId} was left out: it ${why}; see docs/telemetry.md`);
    }
    return { ...request, assignment: null };
  }
}
