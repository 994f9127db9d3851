import {
  bodyRefusals,
  jsonAnswer,
  jsonBody,
  jsonSchemaOf,
  problemAnswer,
  type ApiDescription,
  type ApiOperation,
  type Role,
} from '#libs/platform';
import { eventAttributes, LONGEST_EVENT_ID } from '#libs/contracts';
import { z } from 'zod';
import { LARGEST_EVENTS_BYTES, MANY_EVENTS, MOST_EVENTS } from './events/events.controller.js';
import { ONE_EVENT, SENDER, TAKEN_TOPICS } from './events/events-desk.js';
import { feedbackBody } from './feedback/feedback-desk.js';
import { signInBody } from './identity/sign-in.controller.js';
import { PAGE_ORDERS, PAGE_SERVICE_ORDERS } from './orders/orders.controller.js';
import { judgementBody } from './review/review-desk.js';

const EXPERIMENT = { name: 'experiment', in: 'path', required: true, schema: { type: 'string' } };
const SERVICE = { name: 'service', in: 'path', required: true, schema: { type: 'string' } };
const ORDER_BODY = jsonBody(
  z
    .looseObject({ reason: z.string().optional().describe('Why, for people.') })
    .describe('As the decision service takes it.'),
);

/** Answers whose shape is told by the types of the client, not by a schema. */
const anObject = z.looseObject({});
/** Of the decision service, passed back as it is. */
const STANDING = {
  200: jsonAnswer('What the decision service answers.', anObject),
  404: problemAnswer('Unknown.'),
  503: problemAnswer('The decision service is not known, or does not answer.'),
};
const PASSED_BACK = {
  ...STANDING,
  ...bodyRefusals,
  409: problemAnswer('The state forbids it, and what would help.'),
  412: problemAnswer('Something was decided since what `If-Match` names.'),
  422: problemAnswer('The order is incomplete.'),
};
/** One event in the structured mode of CloudEvents; what its data holds is in the schema of its topic. */
const SENT_EVENT = eventAttributes
  .omit({ time: true, subject: true })
  .extend({
    type: z.enum(TAKEN_TOPICS),
    id: z
      .string()
      .min(1)
      .max(LONGEST_EVENT_ID)
      .describe('The same event has the same id, however often it is sent: it counts once.'),
    data: anObject,
  })
  .loose();
const EVENT_ANSWER = z.object({
  id: z.string().nullable(),
  status: z.int().describe('202: it is durable. 403, 404, 413, 422: it is not taken.'),
  detail: z.string().optional(),
  mended: z.array(z.string()).optional().describe('What was read for what it means.'),
});
const BATCH_ANSWER = z.object({ taken: z.int(), refused: z.int(), events: z.array(EVENT_ANSWER) });
const UNKNOWN = { 404: problemAnswer('Unknown experiment.') };

/** The routes of the reports: the page, what it shows, and feedback. */
export const reportsApi: ApiDescription = {
  title: 'Teststrip reports',
  description: 'How experiments stand, for people and for programs, and the door for feedback.',
  paths: {
    '/': { get: file('listPage', 'The live page: all experiments.') },
    '/experiments/{experiment}': {
      get: { ...file('experimentPage', 'The live page of one experiment.'), parameters: [EXPERIMENT] },
    },
    '/review': { get: file('reviewsPage', 'The page of experiments whose pictures can be judged.') },
    '/review/{experiment}': {
      get: {
        ...file('reviewPage', 'The page on which people judge blinded pairs of pictures.'),
        parameters: [EXPERIMENT],
      },
    },
    '/signed-in': {
      get: file('signedInPage', 'Where a browser comes back to from the issuer that people sign in at.'),
    },
    '/page/{name}': {
      get: {
        ...file('pageFile', 'A file of the page.'),
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
      },
    },
    '/api/me': {
      get: {
        operationId: 'showCaller',
        'x-role': 'viewer',
        summary: 'Who has the token, and their roles by service.',
        responses: {
          200: jsonAnswer(
            'The caller; the name is null with `AUTH=off`.',
            z.object({
              name: z.string().nullable(),
              roles: z.record(z.string(), z.string()),
              takesOrders: z.boolean().describe('Whether orders can be given here: the decision service is known.'),
            }),
          ),
        },
      },
    },
    '/api/sign-in': {
      get: {
        operationId: 'showSignIn',
        'x-role': 'anybody',
        summary: 'Where people sign in: the authorization address of the OpenID Connect issuer.',
        responses: {
          200: jsonAnswer(
            'To it a browser adds `redirect_uri`, `state`, `code_challenge` and `code_challenge_method`; null where people paste tokens.',
            z.object({ issuer: z.string().nullable(), address: z.string().nullable() }),
          ),
          503: problemAnswer('The issuer does not answer, or too many people sign in at once.'),
        },
      },
      post: {
        operationId: 'signIn',
        'x-role': 'anybody',
        summary: 'Exchanges what the issuer sent a browser back with for a token that counts here.',
        requestBody: jsonBody(signInBody),
        responses: {
          ...bodyRefusals,
          200: jsonAnswer('The token, which the tab keeps.', z.object({ token: z.string() })),
          403: problemAnswer('The issuer gives nothing for it, or no token that counts here.'),
          404: problemAnswer('Nobody signs in at an issuer here.'),
          422: problemAnswer('The body is understood, but wrong.'),
          503: problemAnswer('The issuer does not answer, or too many people sign in at once.'),
        },
      },
    },
    '/api/experiments': {
      get: {
        operationId: 'listReports',
        'x-role': 'viewer',
        summary: 'All experiments that are not archived, with their last decision.',
        responses: { 200: jsonAnswer('The experiments.', z.object({ experiments: z.array(anObject) })) },
      },
    },
    '/api/experiments/{experiment}': {
      get: {
        operationId: 'showReport',
        'x-role': 'viewer',
        summary:
          'Everything that is known about one experiment: shares, traffic, metrics as last analysed, and its decisions, each with the analysis it rests on.',
        parameters: [EXPERIMENT],
        responses: { 200: jsonAnswer('The summary.', anObject), ...UNKNOWN },
      },
    },
    '/api/experiments/{experiment}/history': {
      get: {
        operationId: 'showHistory',
        'x-role': 'viewer',
        summary: 'Its analyses over time, thinned out to a number of points.',
        parameters: [EXPERIMENT, number('points', 2, 1_000, 180)],
        responses: {
          200: jsonAnswer('Oldest first.', z.object({ points: z.array(anObject) })),
          400: problemAnswer('The query is wrong.'),
          ...UNKNOWN,
        },
      },
    },
    '/api/experiments/{experiment}/live': {
      get: {
        operationId: 'followReport',
        'x-role': 'viewer',
        summary: 'Server-Sent Events: the summary whenever it changes.',
        parameters: [EXPERIMENT],
        responses: {
          200: { description: 'A stream that does not end.', content: { 'text/event-stream': { schema: {} } } },
          ...UNKNOWN,
          429: problemAnswer('The client has as many streams open as it may.'),
          503: problemAnswer('Too many streams.'),
        },
      },
    },
    '/api/experiments/{experiment}/pictures': {
      get: {
        operationId: 'listPictures',
        'x-role': 'viewer',
        summary:
          'Of every variant the newest pictures and those that fit their prompts worst, and the alignment below which a picture counts as wrong.',
        parameters: [EXPERIMENT, number('limit', 1, 50, 8)],
        responses: {
          200: jsonAnswer('By variant.', z.object({ variants: z.array(anObject), wrongBelow: z.number().nullable() })),
          400: problemAnswer('The query is wrong.'),
          ...UNKNOWN,
        },
      },
    },
    '/api/experiments/{experiment}/pictures/likeness': {
      get: {
        operationId: 'comparePictures',
        'x-role': 'viewer',
        summary:
          'Of every candidate the prompts whose pictures are least and most alike those of control, by the cosine of their embeddings: of one seed where both have it.',
        parameters: [EXPERIMENT, number('limit', 1, 50, 8)],
        responses: {
          200: jsonAnswer('By candidate.', z.object({ candidates: z.array(anObject) })),
          400: problemAnswer('The query is wrong.'),
          ...UNKNOWN,
        },
      },
    },
    '/api/experiments/{experiment}/review': {
      get: {
        operationId: 'reviewPairs',
        'x-role': 'reviewer',
        summary:
          'Blinded pairs of pictures of one prompt that the caller has not judged, the sides drawn at random; nothing in it says whose they are.',
        parameters: [
          EXPERIMENT,
          number('limit', 1, 50, 20),
          {
            name: 'rater',
            in: 'query',
            required: false,
            description: 'Who judges, with `AUTH=off` only.',
            schema: { type: 'string' },
          },
        ],
        responses: {
          200: jsonAnswer(
            'The pairs, and how many there are.',
            z.object({
              experiment: z.string(),
              rater: z.string(),
              judged: z.int().describe('By the caller, as far as it is recorded.'),
              of: z.int().describe('Those, and the pairs that are left for the caller.'),
              asked: z
                .object({ weightPpm: z.int(), judgements: z.int(), given: z.int() })
                .nullable()
                .describe('The next stage of the ramp that asks for judgements.'),
              pairs: z.array(
                z.object({ id: z.string(), pair: z.string(), prompt: z.string(), left: z.string(), right: z.string() }),
              ),
            }),
          ),
          400: problemAnswer('The query is wrong.'),
          422: problemAnswer('The query names a rater, and the token says who it is.'),
          ...UNKNOWN,
        },
      },
    },
    '/api/experiments/{experiment}/review/pictures/{picture}': {
      get: {
        operationId: 'showBlindedPicture',
        'x-role': 'reviewer',
        summary: 'The bytes of one picture of a pair.',
        parameters: [EXPERIMENT, { name: 'picture', in: 'path', required: true, schema: { type: 'string' } }],
        responses: {
          200: { description: 'The picture.', content: { 'image/*': { schema: {} } } },
          404: problemAnswer('It is gone.'),
          410: problemAnswer('It was handed out by another process.'),
        },
      },
    },
    '/api/experiments/{experiment}/judgements': {
      post: {
        operationId: 'judgePair',
        'x-role': 'reviewer',
        summary: 'Which picture of a pair is better. Of one person and prompt the first judgement counts.',
        parameters: [EXPERIMENT],
        requestBody: jsonBody(judgementBody),
        responses: {
          ...bodyRefusals,
          202: jsonAnswer('It is durable; the analysis follows.', z.object({ id: z.string() })),
          410: problemAnswer('The pair was handed out by another process: ask for the review again.'),
          422: problemAnswer('The body is understood, but wrong.'),
          ...UNKNOWN,
        },
      },
    },
    '/api/experiments/{experiment}/orders': {
      get: passedOn(
        'showStanding',
        'viewer',
        'The experiment as the decision service sees it (`GET /v1/experiments/{key}`), with its `ETag`.',
        [EXPERIMENT],
      ),
    },
    '/api/experiments/{experiment}/orders/{order}': {
      post: {
        ...passedOn(
          'giveOrder',
          'operator',
          'An order about an experiment, passed on to the decision service with the caller’s token, `If-Match` and `Idempotency-Key`: pause, resume, approve, promote, rollback, drop-arm or new-attempt.',
          [
            EXPERIMENT,
            { name: 'order', in: 'path', required: true, schema: { type: 'string', enum: [...PAGE_ORDERS] } },
          ],
        ),
        'x-example': { reason: 'the pictures look right' },
        requestBody: ORDER_BODY,
        responses: { ...PASSED_BACK, 201: jsonAnswer('With new-attempt: the new revision.', anObject) },
      },
    },
    '/api/services/{service}/orders': {
      get: passedOn(
        'showServiceStanding',
        'viewer',
        'The service as the decision service sees it (`GET /v1/services/{service}`), with its `ETag`.',
        [SERVICE],
      ),
    },
    '/api/services/{service}/orders/{order}': {
      post: {
        ...passedOn(
          'giveServiceOrder',
          'operator',
          'An order about a service, passed on as orders about experiments are: pause (a freeze of all its ramps), resume, or retry (a configuration that was rolled back may be tried again).',
          [
            SERVICE,
            { name: 'order', in: 'path', required: true, schema: { type: 'string', enum: [...PAGE_SERVICE_ORDERS] } },
          ],
        ),
        'x-example': { reason: 'the provider works on the network tonight' },
        requestBody: ORDER_BODY,
        responses: PASSED_BACK,
      },
    },
    '/api/pictures/{generationId}/{imageIndex}': {
      get: {
        operationId: 'showPicture',
        'x-role': 'viewer',
        summary: 'The bytes of one picture, as long as they are what was recorded.',
        parameters: [
          ...['generationId', 'imageIndex'].map((name) => ({
            name,
            in: 'path',
            required: true,
            schema: { type: name === 'imageIndex' ? 'integer' : 'string' },
          })),
          {
            name: 'service',
            in: 'query',
            description: 'Whose generation it is: needed where several services have announced one of this id.',
            schema: { type: 'string' },
          },
        ],
        responses: {
          200: { description: 'The picture.', content: { 'image/*': { schema: {} } } },
          400: problemAnswer('The index is no whole number, or the query is not understood.'),
          404: problemAnswer('Unknown, or not in a folder whose pictures may be shown.'),
          409: problemAnswer('The file has changed since it was recorded, or several services have announced it.'),
        },
      },
    },
    '/v1/events': {
      post: {
        operationId: 'sendEvents',
        'x-role': SENDER,
        'x-reads-body': true,
        summary: `Events of services that have no client of the bus, as CloudEvents: a batch of at most ${MOST_EVENTS} and ${LARGEST_EVENTS_BYTES / 1024 / 1024} MiB, or one; \`content-encoding: gzip\` is understood. Each counts once, however often it is sent.`,
        'x-example':
          '[{"specversion":"1.0","type":"generation.completed.v1","id":"generation-7","source":"sdxl-0","data":{"requestId":"request-7","service":"text-to-image","outcome":"delivered"}}]',
        requestBody: {
          required: true,
          content: {
            [MANY_EVENTS]: { schema: jsonSchemaOf(z.array(SENT_EVENT), 'input') },
            [ONE_EVENT]: { schema: jsonSchemaOf(SENT_EVENT, 'input') },
          },
        },
        responses: {
          ...bodyRefusals,
          202: jsonAnswer(
            'All are durable; the analysis follows. Of one event: its answer.',
            z.union([BATCH_ANSWER, EVENT_ANSWER]),
          ),
          207: jsonAnswer('Some are; each says what became of it.', BATCH_ANSWER),
          404: problemAnswer('Of one event: its experiment is not recorded (yet).'),
          422: problemAnswer('Of one event: it is none, or of no topic that is taken here.'),
          503: problemAnswer('The bus does not take them now: send all of them again.'),
        },
      },
    },
    '/api/feedback': {
      post: {
        operationId: 'giveFeedback',
        'x-role': 'anybody',
        summary: 'What somebody did with a picture: thumb, rating, download, share, another try.',
        parameters: [
          {
            name: 'idempotency-key',
            in: 'header',
            required: false,
            description: 'The same key for the same request counts once.',
            schema: { type: 'string' },
          },
        ],
        requestBody: jsonBody(feedbackBody),
        responses: {
          ...bodyRefusals,
          202: jsonAnswer('It is durable; the analysis follows.', z.object({ id: z.string() })),
          403: problemAnswer('The token is not the one that the router gave with the answer to the request.'),
          404: problemAnswer('No such request is recorded (yet).'),
          422: problemAnswer('The body is understood, but wrong.'),
          429: problemAnswer('This client, or somebody about this request, has given feedback too often.'),
        },
      },
    },
  },
};

function file(operationId: string, summary: string): ApiOperation {
  return {
    operationId,
    'x-role': 'anybody',
    summary,
    responses: { 200: { description: 'The file.' }, 404: problemAnswer('No such file.') },
  };
}

function number(name: string, minimum: number, maximum: number, byDefault: number): Readonly<Record<string, unknown>> {
  return { name, in: 'query', required: false, schema: { type: 'integer', minimum, maximum, default: byDefault } };
}

/** What the decision service answers, whatever it is. */
function passedOn(
  operationId: string,
  role: Role,
  summary: string,
  parameters: readonly Readonly<Record<string, unknown>>[],
): ApiOperation {
  return {
    operationId,
    'x-role': role,
    summary,
    parameters,
    responses: STANDING,
  };
}
