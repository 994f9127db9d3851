import { createHash } from 'node:crypto';

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

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((part) => canonicalJson(part ?? null)).join(',')}]`;
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = value as Readonly<Record<string, unknown>>;
  const sorted = Object.keys(fields)
    .filter((name) => fields[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(fields[name])}`);
  return `{${sorted.join(',')}}`;
}
