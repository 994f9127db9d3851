export * from './assign.js';
export * from './audience.js';
export * from './bucket.js';
export { layoutOf, variantOf, type Layout, type Segment } from './layout.js';
export * from './layout-after.js';
export * from './murmur3.js';
export * from './layer-slot.js';
export {
  evaluateState,
  flagState,
  type FlagAnswer,
  type FlagAsker,
  type FlagState,
  type ServiceFlagState,
} from './flag-state.js';
