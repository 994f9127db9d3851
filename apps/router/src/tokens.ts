/** Injection token of the `Router`. */
export const ROUTER = Symbol('router');
export const BREAK_GLASS_TOKEN = Symbol('BREAK_GLASS_TOKEN');
