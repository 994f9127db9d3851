import { createHash } from 'node:crypto';
import type { VariantConfig } from '#libs/contracts';

/** SHA-256 of bytes as 64 lower-case hexadecimal digits: what `images[].sha256` of a generation announces. */
export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Fingerprint of a model configuration: the first 16 hexadecimal digits of the SHA-256 of its JSON with sorted keys and no spaces.
 * The order in which fields were written doesn't matter; any changed value is another fingerprint, hence another revision.
 */
export function fingerprintOf(config: VariantConfig): string {
  const sorted = Object.keys(config)
    .filter((name) => config[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(config[name])}`);
  return sha256Of(`{${sorted.join(',')}}`).slice(0, 16);
}
