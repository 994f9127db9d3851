import { createHash } from 'node:crypto';

/** The ETag of what is told as JSON. */
export function entityTagOf(told: object): string {
  return `"${createHash('sha1').update(JSON.stringify(told)).digest('base64url')}"`;
}

/** Of what a client has kept; tags are compared weakly, since a proxy that compresses marks them so (RFC 9110 §13.1.2). */
export function isKnown(kept: string | undefined, etag: string): boolean {
  if (kept === undefined) return false;
  return kept === '*' || kept.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
