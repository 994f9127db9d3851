export { createPositions, type Positions } from './positions.js';
export { StalePositionError } from './write-positions.js';
