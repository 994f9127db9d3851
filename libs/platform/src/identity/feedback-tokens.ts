import { join } from 'node:path';
import { isExpected, keyedHash } from '#libs/telemetry';
import { defineNeed } from '../app/need.js';
import { commonVariables, documented, variables } from '../configuration/variables.js';
import { installationSecret } from './installation-secret.js';

/** Where the key of an installation is, in DATA_DIR. */
const KEY_FILE = 'feedback-key';

/** Who was given the answer to a request may say what they think of it: the router gives them a token that nobody else can make. */
export interface FeedbackTokens {
  of(requestId: string): string;
  isOf(requestId: string, token: string): boolean;
}

export function feedbackTokens(key: string): FeedbackTokens {
  const of = (requestId: string): string => keyedHash(key, `feedback:${requestId}`);
  return { of, isOf: (requestId, token) => isExpected(token, of(requestId)) };
}

/** The key that router and reports share. */
export const needsFeedbackTokens = defineNeed({
  name: 'feedback tokens',
  title: 'Feedback',
  variables: {
    AUTH: commonVariables.AUTH,
    DATA_DIR: commonVariables.DATA_DIR,
    FEEDBACK_KEY: documented(
      variables.text.min(16, 'expected at least 16 characters').optional(),
      'Makes and checks the tokens in `teststrip-feedback-token`; the same at the reports and at every router, needed where they share no DATA_DIR.',
      { secret: true, defaultIs: '`feedback-key` in DATA_DIR, made at the first start' },
    ),
  },
  async open({ AUTH: auth, DATA_DIR: dataDir, FEEDBACK_KEY: given }, { logger }) {
    if (auth === 'off') return { resource: undefined };
    try {
      return { resource: feedbackTokens(given ?? (await installationSecret(join(dataDir, KEY_FILE), 'key'))) };
    } catch (error) {
      // Who serves users goes on serving them.
      logger.error(`there are no feedback tokens: ${(error as Error).message}`);
      return { resource: undefined };
    }
  },
});
