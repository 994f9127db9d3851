/** Injection token of the `Router`. */
export const ROUTER = Symbol('router');
