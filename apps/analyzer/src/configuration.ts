import { z } from 'zod';
import { documented, variables } from '#libs/platform';

/** Variables of the analyzer. */
export const analyzerVariables = {
  ANALYZER_PORT: documented(variables.port.default(8084), 'Port of health and metrics; 0 takes any free one.'),
  ANALYZER_SHARE: documented(
    z.enum(['none', 'partitions']).default('none'),
    '`partitions`: all analyzers share the partitions, and one adds up what they say. `none`: one reads everything, others stand by.',
  ),
  ANALYZER_EVERY_MS: documented(
    variables.milliseconds.min(0).default(50),
    'Shortest time in milliseconds between two analyses of an experiment.',
  ),
  ANALYZER_SNAPSHOT_EVERY_MS: documented(
    variables.milliseconds.min(10).default(1_000),
    'Milliseconds between two snapshots of the evidence.',
  ),
  ANALYZER_LEADERLESS_AFTER_MS: documented(
    variables.milliseconds.min(100).default(15_000),
    'Not ready when for this long no analyzer has had the lead, or the leader has not read.',
  ),
} as const;
