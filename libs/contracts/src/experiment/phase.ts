import { z } from 'zod';

/**
 * Where an experiment is in its life. `held`: it can't be judged at present, the ramp stands still; `paused`: an operator stopped the ramp;
 * `quarantined`: its log can't be read, so nothing is decided about it until an operator rolls it back to its control.
 */
export const experimentPhase = z.enum([
  'draft',
  'running',
  'held',
  'paused',
  'promoted',
  'rolled-back',
  'concluded',
  'quarantined',
]);
export type ExperimentPhase = z.infer<typeof experimentPhase>;
