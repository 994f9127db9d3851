import { randomUUID } from 'node:crypto';
import { UNIT_HEADER } from '#libs/contracts';
import { isExpected, keyedHash } from '#libs/telemetry';

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Longer than any experiment; browsers keep none for longer than 400 days. */
const KEPT_SECONDS = 365 * 24 * 3_600;
const SIGNATURE_BYTES = 32;

/**
 * A name for people who have none: a random id in a cookie, signed, so that nobody can choose a variant by choosing a name. What is forged or damaged
 * counts as no cookie.
 */
export class UnitCookie {
  constructor(private readonly key: string) {}

  /** The unit that the client's cookies name. */
  read(cookies: string | undefined): string | undefined {
    if (cookies === undefined || !cookies.includes(UNIT_HEADER)) return undefined;
    for (const cookie of cookies.split(';')) {
      const [name, value = ''] = cookie.trim().split('=', 2);
      if (name !== UNIT_HEADER) continue;
      const [id = '', signature = ''] = value.split('.', 2);
      if (ID.test(id) && isExpected(signature, this.sign(id))) return id;
    }
    return undefined;
  }

  /** A new name, and the `set-cookie` that gives it. */
  issue(isSecure: boolean): { readonly unit: string; readonly setCookie: string } {
    const unit = randomUUID();
    const attributes = `Path=/; Max-Age=${KEPT_SECONDS}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
    return { unit, setCookie: `${UNIT_HEADER}=${unit}.${this.sign(unit)}; ${attributes}` };
  }

  private sign(id: string): string {
    return keyedHash(this.key, `${UNIT_HEADER}:${id}`, SIGNATURE_BYTES);
  }
}
