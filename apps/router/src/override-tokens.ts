import { isExpected, keyedHash } from '#libs/telemetry';

/** What somebody wants to see. */
export interface Overriding {
  readonly service: string;
  /** `variant`, or `experiment/variant`, as the header has it. */
  readonly override: string;
}

/** Says whether a token lets its holder see that variant. */
export type OverrideCheck = (token: string | undefined, wanted: Overriding) => boolean;

/** `1764230400.` and a signature: until then it counts, seconds since 1970. */
const SIGNED = /^(\d{1,12})\.([\w-]{43})$/;

const SIGNATURE_BYTES = 32;

/** A token that lets whoever has it see one variant of one service, and nothing else, until it expires. */
export function overrideToken(secret: string, wanted: Overriding, expiresAtMs: number): string {
  const expires = Math.floor(expiresAtMs / 1_000);
  return `${expires}.${signature(secret, wanted, expires)}`;
}

/**
 * Looks at tokens: the secret itself, which shows everything for good, or one that was signed with it. In a time that tells nothing of what is expected; without a
 * secret nobody is let through.
 */
export function overrideCheck(secret: string | undefined, nowMs: () => number = () => Date.now()): OverrideCheck {
  if (secret === undefined) return () => false;
  return (token, wanted) => {
    if (token === undefined) return false;
    const [, expires, signed] = SIGNED.exec(token) ?? [];
    if (expires === undefined || signed === undefined) return isExpected(token, secret);
    return Number(expires) * 1_000 > nowMs() && isExpected(signed, signature(secret, wanted, Number(expires)));
  };
}

function signature(secret: string, { service, override }: Overriding, expires: number): string {
  return keyedHash(secret, JSON.stringify(['override', service, override, expires]), SIGNATURE_BYTES);
}
