const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** How long to wait before what has failed `attempt` times is tried again, milliseconds: 100, doubling up to 10 000. */
export function backOffMs(attempt: number): number {
  return Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS);
}
