/** Injection tokens of the decision service. */
export const DECISIONS = Symbol('DECISIONS');
export const AUDIT = Symbol('AUDIT');
export const CONTROLLER_LOOP = Symbol('CONTROLLER_LOOP');
export const ORDERS = Symbol('ORDERS');
export const UPSTREAM_HOSTS = Symbol('UPSTREAM_HOSTS');
export const GATE_NAMES = Symbol('GATE_NAMES');
export const KNOWN_METRICS = Symbol('KNOWN_METRICS');
