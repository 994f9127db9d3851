import { percentDecoded } from '../http/percent-decoded.js';

const HIDDEN = '***';
/** Shorter values would blot out ordinary words. */
const SHORTEST_SECRET = 4;

/** Values that must never be printed by this process, the longest first, so that no part of one stays. */
let known: readonly string[] = [];

/** Has `value` left out of everything that goes through {@link withoutSecrets}, the log included. */
export function keepSecret(value: string): void {
  const password = passwordOf(value);
  const forms = [value, ...(password === undefined ? [] : [password, percentDecoded(password)])];
  const added = forms.filter((form) => form.length >= SHORTEST_SECRET && !known.includes(form));
  if (added.length > 0) known = [...known, ...added].toSorted((a, b) => b.length - a.length);
}

/** The text with `***` in place of every password of a URL and every value that was given to {@link keepSecret}. */
export function withoutSecrets(text: string): string {
  // First the passwords of URLs: what is left of such a URL still says where something is.
  let clean = text.replace(/(:\/\/[^\s:/@]*):[^\s/]*@/g, `$1:${HIDDEN}@`);
  for (const secret of known) clean = clean.replaceAll(secret, HIDDEN);
  return clean;
}

/** {@link withoutSecrets} for whatever a log line is made of: texts, errors with their causes, lists and plain objects. */
export function cleanForLog(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value !== 'object' || value === null || depth > 5) return value;
  if (value instanceof Error) return cleanError(value, depth);
  if (Array.isArray(value)) return value.map((item) => cleanForLog(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleanForLog(item, depth + 1)]));
}

function cleanError(error: Error, depth: number): Error {
  const clean = Object.create(Object.getPrototypeOf(error) as object) as Error;
  for (const key of Object.getOwnPropertyNames(error)) {
    Object.defineProperty(clean, key, {
      value: cleanForLog((error as unknown as Record<string, unknown>)[key], depth + 1),
      enumerable: Object.prototype.propertyIsEnumerable.call(error, key),
      configurable: true,
      writable: true,
    });
  }
  return clean;
}

function passwordOf(value: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:([^\s/]*)@/i.exec(value)?.[1];
}
