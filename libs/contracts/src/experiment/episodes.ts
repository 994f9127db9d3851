import { z } from 'zod';
import { durationText, parseDurationMs } from './duration.js';
import type { ExperimentSpec } from './spec.js';

const EXPECTED = 'expected "fifth", "off" or how long an episode lasts, such as "10s"';

/** What is left out of the test of harm after a bad event, as people write it. */
export const episodesText = z
  .string(EXPECTED)
  .refine(
    (text) => text === 'fifth' || text === 'off' || (durationText.safeParse(text).success && parseDurationMs(text) > 0),
    EXPECTED,
  );

/** The default is left out, so that an experiment that says nothing of episodes is the same revision as before there were any. */
export function readEpisodes(text: string): Pick<ExperimentSpec, 'episodes'> {
  if (text === 'fifth') return {};
  return { episodes: text === 'off' ? text : { lengthMs: parseDurationMs(text) } };
}
