import { z } from 'zod';
import { experimentSpec } from '../experiment/spec.js';
import { slug, timestamp } from '../names.js';
import { exampleConfig } from './example-values.js';
import { defineTopic } from './topic.js';

export const experimentDefined = z.object({
  experiment: slug,
  revision: z.int32().min(1),
  /** How often the revision's policy was changed since it began; of one revision the largest counts. Absent: never. */
  policy: z.int32().min(1).optional(),
  spec: experimentSpec,
  /** Hash of each variant's configuration, by variant. */
  fingerprints: z.record(slug, z.string()),
  definedAt: timestamp,
  definedBy: z.string().min(1),
});
export type ExperimentDefined = z.infer<typeof experimentDefined>;

export const experimentDefinedTopic = defineTopic({
  name: 'experiment.defined.v1',
  key: 'experiment',
  compacted: true,
  signed: true,
  producedBy: ['decision'],
  consumedBy: ['router', 'analyzer', 'recorder', 'decision'],
  says: 'The specification of an experiment and its revision.',
  schema: experimentDefined,
  example: {
    experiment: 'cheaper-sampler',
    revision: 1,
    spec: {
      key: 'cheaper-sampler',
      service: 'text-to-image',
      kind: 'canary',
      unit: 'user',
      control: 'control',
      variants: {
        control: {
          upstream: 'http://127.0.0.1:8100/',
          config: { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' },
        },
        candidate: { upstream: 'http://127.0.0.1:8101/', config: exampleConfig },
      },
      audience: [],
      ramp: {
        kind: 'explicit',
        stages: [
          { weightPpm: 10_000, atLeastMs: 600_000, atLeastUnits: 0, approval: 'none' },
          { weightPpm: 1_000_000, atLeastMs: 0, atLeastUnits: 0, approval: 'required' },
        ],
      },
      guardrails: [
        { metric: 'alignment', margin: { kind: 'relative', value: 0.01 }, rollbackOn: 'beyond-margin' },
        { metric: 'error-rate', margin: { kind: 'absolute', value: 0.005 }, rollbackOn: 'beyond-margin' },
      ],
      objectives: [],
      onInconclusive: 'rollback',
      onLostController: 'control',
      lostControllerAfterMs: 30_000,
      holdAtMostMs: 1_800_000,
      deadlineMs: 86_400_000,
      alpha: 0.05,
      baselineUnits: 200,
    },
    fingerprints: { control: '51b0c3d7e9f2a486', candidate: 'c2f1a9d04e5b6c7d' },
    definedAt: '2026-11-20T10:00:00.000Z',
    definedBy: 'cli',
  },
});
