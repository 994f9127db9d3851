import { documented, variables } from '#libs/platform';

/** Variables of the recorder. */
export const recorderVariables = {
  RECORDER_PORT: documented(variables.port.default(8085), 'Port of health and metrics; 0 takes any free one.'),
  RECORDER_KEEP_DAYS: documented(
    variables.number.min(0.01).default(30),
    'Age in days at which requests, generations, scores and feedback are dropped, a whole day at a time.',
  ),
  RECORDER_KEEP_EMBEDDING_DAYS: documented(
    variables.number.min(0.01).default(7),
    'The same of embeddings; at most as long as their scores.',
  ),
} as const;
