/** Members of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** Null for what is no object; a list is none. */
export function jsonMembers(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
