import { z } from 'zod';
import { publicRoute } from '../experiment/public-route.js';
import { servedConfig } from '../experiment/spec.js';
import { slug, timestamp } from '../names.js';
import { layer } from './allocation.commanded.v1.js';
import { exampleConfig } from './example-values.js';
import { defineTopic } from './topic.js';

/** What a service serves when nothing runs. */
export const serviceBaseline = z.object({
  upstream: z.url(),
  config: servedConfig,
  /** Hash of the configuration. */
  fingerprint: z.string().min(1),
  /** Where clients ask for it; absent: under the service's name alone. */
  route: publicRoute.optional(),
});

export const serviceDefined = z.object({
  service: slug,
  baseline: serviceBaseline,
  /** The service's epoch at which the baseline became this one; orders of larger epochs overrule it. */
  epoch: z.int32().min(0),
  definedAt: timestamp,
  definedBy: z.string().min(1),
  /** The service's whole traffic from this epoch on; absent where one slot spans the service, which is on its baseline then. */
  layer: layer.optional(),
  /** Nobody serves it any more; what is asked of it is unknown until it comes back. */
  deleted: z.literal(true).optional(),
});
export type ServiceDefined = z.infer<typeof serviceDefined>;

export const serviceDefinedTopic = defineTopic({
  name: 'service.defined.v1',
  key: 'service',
  compacted: true,
  signed: true,
  producedBy: ['decision'],
  consumedBy: ['router', 'decision'],
  says: 'What a service serves when nothing runs: its baseline, and how its units are divided into slots.',
  schema: serviceDefined,
  example: {
    service: 'text-to-image',
    baseline: { upstream: 'http://127.0.0.1:8101/', config: exampleConfig, fingerprint: 'c2f1a9d04e5b6c7d' },
    epoch: 7,
    definedAt: '2026-11-20T12:00:00.000Z',
    definedBy: 'decision',
  },
});
