import { bodyRefusals, jsonAnswer, jsonBody, problemAnswer, type ApiDescription } from '#libs/platform';
import { z } from 'zod';

const text = z.string('is missing').min(1, 'is missing').max(2_000);

export const erasureBody = z
  .strictObject({
    unit: text
      .max(256)
      .meta({ description: 'The name of the user or session, as clients say it.', examples: ['user-7f3a'] }),
    actor: text.optional().describe('Who orders it, with `AUTH=off`; otherwise whoever has the token.'),
    reason: text.meta({
      description: 'Why, for the record of erasures.',
      examples: ['asked for by the user, ticket 4711'],
    }),
  })
  .meta({ id: 'Erasure' });

/** Rows by table. */
const erased = z.object({ rows: z.record(z.string(), z.int().min(0)) }).meta({ id: 'Erased' });

export const recorderApi: ApiDescription = {
  title: 'Teststrip recorder',
  description: 'Whether the facts are kept, and the erasure of those of a unit.',
  paths: {
    '/v1/erasures': {
      post: {
        operationId: 'eraseUnit',
        'x-role': 'admin',
        summary:
          "Erase a unit's data: requests, prompts, addresses of pictures, scores, embeddings, feedback. What was counted stays.",
        requestBody: jsonBody(erasureBody),
        responses: {
          ...bodyRefusals,
          200: jsonAnswer(
            'It is erased; how many rows of which table. Tables are read through, so that it takes its time.',
            erased,
          ),
          403: problemAnswer('Whoever asks is not admin on every service.'),
          422: problemAnswer('Whose data, who or why is missing.'),
        },
      },
    },
  },
};
