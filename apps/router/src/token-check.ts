import { timingSafeEqual } from 'node:crypto';

/** Compares a token with the expected one, in a time that tells nothing of it; without an expected one nobody is let through. */
export function tokenCheck(expected: string | undefined): (token: string | undefined) => boolean {
  if (expected === undefined) return () => false;
  const wanted = Buffer.from(expected);
  return (token) => {
    if (token === undefined) return false;
    const given = Buffer.from(token);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
}
