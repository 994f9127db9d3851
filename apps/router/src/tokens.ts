/** Injection token of the `Router`. */
export const ROUTER = Symbol('router');
/** Of the secret that override tokens are signed with. */
export const OVERRIDE_SECRET = Symbol('OVERRIDE_SECRET');
export const BREAK_GLASS_TOKEN = Symbol('BREAK_GLASS_TOKEN');
