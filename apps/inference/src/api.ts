import { bodyRefusals, jsonAnswer, jsonBody, problemAnswer, type ApiDescription } from '#libs/platform';
import { z } from 'zod';
import { generationRequest } from './inference-server.js';

/** The route of the simulated service, on INFERENCE_PORT. */
export const inferenceApi: ApiDescription = {
  title: 'Teststrip simulated inference service',
  description: 'Requests are on INFERENCE_PORT; health, metrics and this document on INFERENCE_ADMIN_PORT.',
  paths: {
    '/v1/services/{service}/generations': {
      post: {
        operationId: 'generate',
        'x-role': 'anybody',
        summary: 'Makes one picture; with `Accept: image/png` the answer is the picture itself.',
        parameters: [{ name: 'service', in: 'path', required: true, schema: { type: 'string' } }],
        requestBody: jsonBody(generationRequest),
        responses: {
          ...bodyRefusals,
          200: jsonAnswer(
            'Where the picture is.',
            z.looseObject({ generationId: z.string(), images: z.array(z.unknown()) }),
          ),
          422: problemAnswer('The body is understood, but no prompt of the scene grammar.'),
          500: problemAnswer('The simulated kernel crashed.'),
        },
      },
    },
  },
};
