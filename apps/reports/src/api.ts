import {
  bodyRefusals,
  jsonAnswer,
  jsonBody,
  problemAnswer,
  type ApiDescription,
  type ApiOperation,
} from '#libs/platform';
import { z } from 'zod';
import { feedbackBody } from './feedback/feedback-desk.js';

const EXPERIMENT = { name: 'experiment', in: 'path', required: true, schema: { type: 'string' } };
const UNKNOWN = { 404: problemAnswer('Unknown experiment.') };

/** Answers whose shape is told by the types of the client, not by a schema. */
const anObject = z.looseObject({});

/** The routes of the reports: the page, what it shows, and feedback. */
export const reportsApi: ApiDescription = {
  title: 'Teststrip reports',
  description: 'How experiments stand, for people and for programs, and the door for feedback.',
  paths: {
    '/': { get: file('listPage', 'The live page: all experiments.') },
    '/experiments/{experiment}': {
      get: { ...file('experimentPage', 'The live page of one experiment.'), parameters: [EXPERIMENT] },
    },
    '/page/{name}': {
      get: {
        ...file('pageFile', 'A file of the page.'),
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
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
    '/api/pictures/{generationId}/{imageIndex}': {
      get: {
        operationId: 'showPicture',
        'x-role': 'viewer',
        summary: 'The bytes of one picture, as long as they are what was recorded.',
        parameters: ['generationId', 'imageIndex'].map((name) => ({
          name,
          in: 'path',
          required: true,
          schema: { type: name === 'imageIndex' ? 'integer' : 'string' },
        })),
        responses: {
          200: { description: 'The picture.', content: { 'image/*': { schema: {} } } },
          404: problemAnswer('Unknown, or not in a folder whose pictures may be shown.'),
          409: problemAnswer('The file has changed since it was recorded.'),
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
          404: problemAnswer('No such request is recorded (yet).'),
          422: problemAnswer('The body is understood, but wrong.'),
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
