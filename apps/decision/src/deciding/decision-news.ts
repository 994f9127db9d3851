import { z } from 'zod';

/** Postgres channel on which the decision processes of one database keep each other up to date. */
export const DECISIONS_CHANNEL = 'teststrip_decisions';

const decisionNews = z.object({
  /** The process that says it; others act on it. */
  from: z.string(),
  experiment: z.string(),
  /** `decided`: what is kept in memory is old. `heard`: an analysis has arrived. */
  what: z.enum(['decided', 'heard']),
});
export type DecisionNews = z.infer<typeof decisionNews>;

/** Undefined for the empty notice after a lost connection, and for anything else that is no news. */
export function readDecisionNews(payload: string): DecisionNews | undefined {
  try {
    return decisionNews.parse(JSON.parse(payload));
  } catch {
    return undefined;
  }
}
