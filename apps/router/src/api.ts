import { jsonAnswer, jsonBody, problemAnswer, type ApiDescription, type ApiOperation } from '#libs/platform';
import { z } from 'zod';

const ask: ApiOperation = {
  operationId: 'ask',
  'x-role': 'anybody',
  summary: "A user's request, sent on to the variant that was drawn for it; any method and any path below.",
  parameters: ['service', 'rest'].map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
  responses: {
    default: { description: "The upstream's answer as it comes." },
    404: problemAnswer('Nobody serves this service.'),
    502: problemAnswer('The upstream did not answer.'),
    503: problemAnswer('The state is not loaded yet, or the upstream has more requests than it can take.'),
    504: problemAnswer('The upstream took too long.'),
  },
};

const text = z.string('is missing').min(1, 'is missing').max(2_000);

export const breakGlassBody = z
  .object({ actor: text.describe('Who does it.'), reason: text.describe('Why, for people.') })
  .meta({ id: 'BreakGlass' });

function glass(operationId: string, summary: string): ApiOperation {
  return {
    operationId,
    'x-role': 'anybody',
    summary,
    security: [{ bearer: [] }],
    parameters: [{ name: 'service', in: 'path', required: true, schema: { type: 'string' } }],
    requestBody: jsonBody(breakGlassBody),
    responses: {
      200: { description: 'Done.' },
      401: problemAnswer('Another token, or none.'),
      403: problemAnswer('The router was started without ROUTER_BREAK_GLASS_TOKEN.'),
      404: problemAnswer('Unknown.'),
      409: problemAnswer('It was not broken.'),
      422: problemAnswer('Who and why is missing.'),
    },
  };
}

/** The routes of the router. Those of users, `/v1/…`, are on ROUTER_PORT, together with `/health` for load balancers. */
export const routerApi: ApiDescription = {
  title: 'Teststrip router',
  description: "Users' requests are on ROUTER_PORT; health, metrics and this document on ROUTER_ADMIN_PORT.",
  paths: {
    '/v1/services/{service}/{rest}': { post: ask },
    '/v1/allocations': {
      get: {
        operationId: 'allocations',
        'x-role': 'anybody',
        summary: 'What is in force now, by service; on both ports.',
        responses: { 200: jsonAnswer('By service.', z.looseObject({ router: z.string(), state: z.string() })) },
      },
    },
    '/v1/services/{service}/break-glass': {
      post: glass(
        'breakGlass',
        'Send a service to its baseline by hand, without bus or database; on ROUTER_ADMIN_PORT.',
      ),
      delete: glass('mendGlass', 'Let it follow its orders again; a newer order does so by itself.'),
    },
  },
};
