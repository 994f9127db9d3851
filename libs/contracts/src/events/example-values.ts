import type { Assignment } from '../envelope/assignment.js';
import type { VariantConfig } from '../experiment/spec.js';

/** The examples of all topics tell of one request: this is what they share. */
export const exampleAssignment: Assignment = {
  experiment: 'cheaper-sampler',
  revision: 1,
  variant: 'candidate',
  control: 'control',
  unit: 'user-7f3a',
  epoch: 2,
  stage: 1,
  propensity: 0.05,
  weightsPpm: { control: 950_000, candidate: 50_000 },
  reason: 'SPLIT',
};

export const exampleSha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
export const exampleConfig: VariantConfig = {
  checkpoint: 'scenes-1.0',
  sampler: 'unipc',
  steps: 12,
  precision: 'fp16',
};
