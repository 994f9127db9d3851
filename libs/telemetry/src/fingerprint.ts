import { createHash } from 'node:crypto';
import { canonicalJson } from '#libs/contracts';

/** SHA-256 of bytes as 64 lower-case hexadecimal digits: what `images[].sha256` of a generation announces. */
export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Fingerprint of a model configuration: the first 16 hexadecimal digits of the SHA-256 of its JSON with sorted keys, at every depth, and
 * no spaces (Python: `json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`). The order in which fields were written doesn't
 * matter, that of a list does; any changed value is another fingerprint, hence another revision.
 */
export function fingerprintOf(config: Readonly<Record<string, unknown>>): string {
  return sha256Of(canonicalJson(config)).slice(0, 16);
}
