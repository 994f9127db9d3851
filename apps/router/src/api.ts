import { jsonAnswer, problemAnswer, type ApiDescription } from '#libs/platform';
import { z } from 'zod';

const ask = {
  operationId: 'ask',
  summary: "A user's request, sent on to the variant that was drawn for it; any method and any path below.",
  parameters: ['service', 'rest'].map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
  responses: {
    default: { description: "The upstream's answer as it comes." },
    404: problemAnswer('Nobody serves this service.'),
    502: problemAnswer('The upstream did not answer.'),
    503: problemAnswer('The state is not loaded yet.'),
    504: problemAnswer('The upstream took too long.'),
  },
};

/** The routes of the router. Those of users, `/v1/…`, are on ROUTER_PORT, together with `/health` for load balancers. */
export const routerApi: ApiDescription = {
  title: 'Teststrip router',
  description: "Users' requests are on ROUTER_PORT; health, metrics and this document on ROUTER_ADMIN_PORT.",
  paths: {
    '/v1/services/{service}/{rest}': { post: ask },
    '/v1/allocations': {
      get: {
        operationId: 'allocations',
        summary: 'What is in force now, by service; on both ports.',
        responses: { 200: jsonAnswer('By service.', z.looseObject({ router: z.string(), state: z.string() })) },
      },
    },
  },
};
