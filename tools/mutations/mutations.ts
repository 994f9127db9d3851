import { DELIVERY_MUTATIONS } from './delivery-mutations.js';
import { DOOR_MUTATIONS } from './door-mutations.js';
import type { Mutation } from './mutation.js';
import { ROUTER_MUTATIONS } from './router-mutations.js';
import { STATE_MUTATIONS } from './state-mutations.js';

/** Every rule that is broken on purpose, see `main.ts`. */
export const MUTATIONS: readonly Mutation[] = [
  ...ROUTER_MUTATIONS,
  ...STATE_MUTATIONS,
  ...DELIVERY_MUTATIONS,
  ...DOOR_MUTATIONS,
];
