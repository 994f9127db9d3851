import { experimentFile } from '#libs/contracts';
import { z } from 'zod';
import { ACTOR_HEADER } from './experiments.controller.js';
import { experimentView } from './experiment-view.js';
import { approvalBody, decisionView, orderBody, rollbackBody } from './orders.js';
import { FILE_HEADER } from './read-experiment-file.js';

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    problems: z.array(z.unknown()).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457; `problems` has one entry per thing that is wrong.' });

const list = z.object({ experiments: z.array(experimentView) });
const decisions = z.object({ decisions: z.array(decisionView) });
const ok = z.object({ status: z.literal('ok') });

/** The OpenAPI 3.1 document of the decision service, made from the schemas that check requests and shape answers. */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Teststrip decision service',
      version: '1.0.0',
      description: 'Experiments: what they are, where they stand, and what operators may order.',
    },
    paths: {
      '/v1/experiments': {
        post: {
          operationId: 'applyExperiment',
          summary:
            'Apply an experiment file (YAML or JSON). The same again changes nothing; a changed one is a new revision.',
          parameters: [
            header(ACTOR_HEADER, 'Who applies it; default `api`.'),
            header(FILE_HEADER, 'Name of the file, for messages about its lines.'),
          ],
          requestBody: {
            required: true,
            content: {
              'application/yaml': { schema: { type: 'string' } },
              'application/json': { schema: schemaOf(experimentFile, 'input') },
            },
          },
          responses: {
            200: answer('Nothing has changed.', experimentView),
            201: answer('A new experiment or revision.', experimentView),
            409: refusal('The state forbids it.'),
            422: refusal('The file is wrong: file, line and expectation of every problem.'),
          },
        },
        get: {
          operationId: 'listExperiments',
          summary: 'All experiments, by key.',
          responses: { 200: answer('The experiments.', list) },
        },
      },
      '/v1/experiments/{key}': {
        get: {
          operationId: 'showExperiment',
          summary: 'Where an experiment stands.',
          parameters: [KEY],
          responses: { 200: answer('The experiment.', experimentView), 404: refusal('Unknown.') },
        },
      },
      '/v1/experiments/{key}/decisions': {
        get: {
          operationId: 'listDecisions',
          summary: 'The audit log: what was decided, by whom, on what evidence.',
          parameters: [KEY],
          responses: { 200: answer('Oldest first.', decisions), 404: refusal('Unknown.') },
        },
      },
      ...order('pause', 'Stop the ramp where it is; harm is still acted upon.', orderBody),
      ...order('resume', 'Let a paused ramp go on.', orderBody),
      ...order('promote', 'Give the candidate all traffic without waiting for the proof.', orderBody),
      ...order('rollback', 'Give control all traffic, for good. Possible at any time.', rollbackBody),
      ...order('approve', 'Give the approval that a stage of the ramp asks for.', approvalBody),
      ...order('new-attempt', 'Start an ended experiment again: a new revision with no evidence.', orderBody, 201),
      '/health/live': {
        get: { operationId: 'live', summary: 'The process answers.', responses: { 200: answer('Alive.', ok) } },
      },
      '/health/ready': {
        get: {
          operationId: 'ready',
          summary: 'Database and bus answer.',
          responses: { 200: answer('Ready.', ok), 503: refusal('Not ready, and why.') },
        },
      },
    },
  };
}

const KEY = { name: 'key', in: 'path', required: true, schema: { type: 'string' } };

function order(name: string, summary: string, body: z.ZodType, success = 200): Readonly<Record<string, unknown>> {
  return {
    [`/v1/experiments/{key}/${name}`]: {
      post: {
        operationId: `${name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase())}Experiment`,
        summary,
        parameters: [KEY],
        requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
        responses: {
          [success]: answer('As ordered.', experimentView),
          404: refusal('Unknown.'),
          409: refusal('The state forbids it, and what would help.'),
          422: refusal('The order is incomplete.'),
        },
      },
    },
  };
}

function header(name: string, description: string): Readonly<Record<string, unknown>> {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } };
}

function answer(description: string, schema: z.ZodType): Readonly<Record<string, unknown>> {
  return { description, content: { 'application/json': { schema: schemaOf(schema, 'output') } } };
}

function refusal(description: string): Readonly<Record<string, unknown>> {
  return { description, content: { 'application/problem+json': { schema: schemaOf(problem, 'output') } } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, reused: 'inline' }) as Record<string, unknown>;
  return rest;
}
