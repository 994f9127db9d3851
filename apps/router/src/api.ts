import {
  bodyRefusals,
  jsonAnswer,
  jsonBody,
  problemAnswer,
  type ApiDescription,
  type ApiOperation,
} from '#libs/platform';
import { z } from 'zod';
import { exposuresBody } from './flags/state-server.js';

const tooManyOfClient = problemAnswer('The client has as many of them under way as it may.');

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
  .strictObject({
    actor: text
      .optional()
      .describe('Who does it, with ROUTER_BREAK_GLASS_TOKEN or `AUTH=off`; otherwise whoever has the token.'),
    reason: text.meta({ description: 'Why, for people.', examples: ['the candidate draws nothing'] }),
  })
  .meta({ id: 'BreakGlass' });

export const overrideTokenBody = z
  .strictObject({
    actor: text.optional().describe('Who wants it, with `AUTH=off`; otherwise whoever has the token.'),
    reason: text.meta({ description: 'Why, for people.', examples: ['QA looks at the candidate'] }),
    variant: text.meta({
      description: 'The variant, or `experiment/variant`, as `teststrip-override` will say it.',
      examples: ['candidate'],
    }),
    validForMinutes: z.int().min(1).max(43_200).default(60).describe('How long it counts; 30 days at most.'),
  })
  .meta({ id: 'OverrideTokenOrder' });

const overrideTokens: ApiOperation = {
  operationId: 'issueOverrideToken',
  'x-role': 'operator',
  summary:
    'A token with which requests may choose one variant of one service until it expires; on ROUTER_ADMIN_PORT. It is signed with ROUTER_OVERRIDE_TOKEN, so it counts at every router that has the same.',
  parameters: [{ name: 'service', in: 'path', required: true, schema: { type: 'string' } }],
  requestBody: jsonBody(overrideTokenBody),
  responses: {
    ...bodyRefusals,
    201: jsonAnswer(
      'What requests say in `teststrip-override` and `teststrip-override-token`.',
      z.object({ override: z.string(), token: z.string(), expiresAt: z.string() }),
    ),
    404: problemAnswer('Unknown.'),
    409: problemAnswer('ROUTER_OVERRIDE_TOKEN is not set.'),
    422: problemAnswer('Who, why or what is missing.'),
  },
};

function glass(operationId: string, summary: string): ApiOperation {
  return {
    operationId,
    'x-role': 'operator',
    summary,
    parameters: [{ name: 'service', in: 'path', required: true, schema: { type: 'string' } }],
    requestBody: jsonBody(breakGlassBody),
    responses: {
      ...bodyRefusals,
      200: { description: 'Done.' },
      404: problemAnswer('Unknown.'),
      409: problemAnswer('It was not broken.'),
      422: problemAnswer('Who and why is missing.'),
    },
  };
}

const flagContext = z
  .object({
    context: z.looseObject({
      targetingKey: z.string().meta({ description: 'The unit that is drawn.', examples: ['user-7'] }),
    }),
  })
  .meta({ id: 'FlagContext' });

const flagMetadata = z.record(z.string(), z.union([z.boolean(), z.string(), z.number()]));

const flagValue = z
  .object({
    key: z.string().describe("The service's name."),
    value: z.unknown().optional().describe("The variant's name; absent: the client's own default."),
    reason: z.enum(['STATIC', 'SPLIT', 'DISABLED']),
    variant: z.string().optional(),
    metadata: flagMetadata,
  })
  .meta({ id: 'FlagValue' });

const flagFailure = z
  .object({ key: z.string().optional(), errorCode: z.string(), errorDetails: z.string() })
  .meta({ id: 'FlagFailure' });

const flagRefusals = {
  400: jsonAnswer('PARSE_ERROR, TARGETING_KEY_MISSING or INVALID_CONTEXT.', flagFailure),
  429: tooManyOfClient,
  503: { description: 'The state is not loaded yet.' },
};

/** The routes of the router. Those of users, `/v1/…`, are on ROUTER_PORT, together with `/health` for load balancers. */
export const routerApi: ApiDescription = {
  title: 'Teststrip router',
  description: "Users' requests are on ROUTER_PORT; health, metrics and this document on ROUTER_ADMIN_PORT.",
  paths: {
    '/v1/services/{service}/{rest}': { post: ask },
    '/ofrep/v1/evaluate/flags/{key}': {
      post: {
        operationId: 'evaluateFlag',
        'x-role': 'anybody',
        summary: "A service's variant for one unit, as a flag of OpenFeature (OFREP 0.3).",
        parameters: [{ name: 'key', in: 'path', required: true, schema: { type: 'string' } }],
        requestBody: jsonBody(flagContext),
        responses: {
          200: jsonAnswer('The flag.', flagValue),
          404: jsonAnswer('FLAG_NOT_FOUND: no service has this name.', flagFailure),
          ...flagRefusals,
        },
      },
    },
    '/ofrep/v1/evaluate/flags': {
      post: {
        operationId: 'evaluateFlags',
        'x-role': 'anybody',
        summary: 'The flags of all services for one unit.',
        requestBody: jsonBody(flagContext),
        responses: {
          200: jsonAnswer(
            'The flags, with an ETag, and where to hear of changes.',
            z.object({ flags: z.array(flagValue), eventStreams: z.array(z.unknown()) }),
          ),
          304: { description: 'Nothing else than If-None-Match says.' },
          ...flagRefusals,
        },
      },
    },
    '/ofrep/v1/events': {
      get: {
        operationId: 'flagChanges',
        'x-role': 'anybody',
        summary: 'Server-sent events that say when flags have to be asked for again.',
        responses: {
          200: { description: 'text/event-stream.' },
          429: tooManyOfClient,
          503: problemAnswer('Too many streams.'),
        },
      },
    },
    '/v1/flags': {
      get: {
        operationId: 'flagState',
        'x-role': 'anybody',
        summary:
          'What is in force, for clients that draw by themselves (clients/typescript): rules and parameters, no addresses.',
        responses: {
          200: jsonAnswer('By service, with an ETag.', z.object({ services: z.array(z.looseObject({})) })),
          304: { description: 'Nothing else than If-None-Match says.' },
          429: tooManyOfClient,
          503: problemAnswer('The state is not loaded yet.'),
        },
      },
    },
    '/v1/flags/exposures': {
      post: {
        operationId: 'tellExposures',
        'x-role': 'anybody',
        summary:
          'Whom such a client has told a variant; each counts where the router draws the same under the same order.',
        requestBody: jsonBody(exposuresBody),
        responses: {
          200: jsonAnswer('How many count.', z.object({ counted: z.int(), ignored: z.int() })),
          422: problemAnswer('These are no exposures.'),
          429: tooManyOfClient,
          503: problemAnswer('The state is not loaded yet, or more events wait for the bus than it takes.'),
        },
      },
    },
    '/v1/allocations': {
      get: {
        operationId: 'allocations',
        'x-role': 'viewer',
        summary: 'What is in force now, by service that the caller may see; on ROUTER_ADMIN_PORT.',
        responses: { 200: jsonAnswer('By service.', z.looseObject({ router: z.string(), state: z.string() })) },
      },
    },
    '/v1/services/{service}/override-tokens': { post: overrideTokens },
    '/v1/services/{service}/break-glass': {
      post: glass(
        'breakGlass',
        'Send a service to its baseline by hand, without bus or database; on ROUTER_ADMIN_PORT.',
      ),
      delete: glass('mendGlass', 'Let it follow its orders again; a newer order does so by itself.'),
    },
  },
};
