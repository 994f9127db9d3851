import { experimentFile } from '#libs/contracts';
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
import { z } from 'zod';
import { ACTOR_HEADER } from './experiments.controller.js';
import { KEY_HEADER } from './idempotency.js';
import { anyExperimentView, appliedExperimentView } from './experiment-view.js';
import { approvalBody, decisionView, dropArmBody, orderBody, promotionBody, rollbackBody } from './orders.js';
import { FILE_HEADER } from './read-experiment-file.js';
import { baselineBody, retryBody, serviceView, slotsBody } from './service-view.js';

const list = z.object({ experiments: z.array(anyExperimentView) });
const services = z.object({ services: z.array(serviceView) });
const serviceEvents = z.object({ events: z.array(decisionView.omit({ revision: true })) });
const decisions = z.object({ decisions: z.array(decisionView) });

const SERVICE = { name: 'service', in: 'path', required: true, schema: { type: 'string' } };
const IF_MATCH = header(
  'if-match',
  'The ETag of an answer about it: where something was decided since, the order is refused (412).',
  '^(\\*|"[0-9]{1,15}")$',
);
const IDEMPOTENCY_KEY = header(
  KEY_HEADER,
  'A name for this one order, 1 to 255 printable ASCII characters: sent again with it within 24 hours, the order is not decided again but gets the same answer, with `idempotency-replayed: true`. 409 with `retry-after` while it is being carried out; 422 where another order had the name.',
  '^[ -~]{1,255}$',
);
const KEY = { name: 'key', in: 'path', required: true, schema: { type: 'string' } };

const EXAMPLE_CONFIG = { checkpoint: 'sdxl-1.0', precision: 'fp16', sampler: 'dpmpp-2m', steps: 30 };

/** On one line, as YAML takes it. */
const EXAMPLE_FILE =
  '{apiVersion: teststrip/v1, key: cheaper-sampler, service: text-to-image, kind: canary, variants: {control: {upstream: "http://127.0.0.1:8000", config: {checkpoint: sdxl-1.0, precision: fp16, sampler: dpmpp-2m, steps: 30}}, candidate: {upstream: "http://127.0.0.1:8001", config: {checkpoint: sdxl-1.0, precision: fp16, sampler: dpmpp-2m, steps: 20}}}, guardrails: [{metric: error-rate, margin: +0.5pp}]}';

/** Where what a body needs is more than its schema says. */
const EXAMPLE_BODIES: Readonly<Record<string, unknown>> = {
  setBaseline: { reason: 'moved to another machine', upstream: 'http://127.0.0.1:8000', config: EXAMPLE_CONFIG },
  setSlots: { reason: 'two teams', slots: [{ id: 'all', fromPpm: 0, toPpm: 1_000_000 }] },
};

/** The routes of the decision service, made from the schemas that check requests and shape answers. */
export const decisionApi: ApiDescription = {
  title: 'Teststrip decision service',
  description: 'Experiments: what they are, where they stand, and what operators may order.',
  paths: {
    '/v1/experiments': {
      post: {
        operationId: 'applyExperiment',
        'x-role': 'operator',
        summary:
          'Apply an experiment file (YAML or JSON). The same again changes nothing while it runs; after its end it is refused. Another policy (margins, deadline, approvals) changes the revision in place; anything else is a new revision, without evidence. The answer comes once every live router serves by it, or after 2 s (`effect` says which).',
        parameters: [
          header(
            ACTOR_HEADER,
            'Who applies it, with `AUTH=off` only; default `api`. Otherwise it is whoever has the token.',
          ),
          IF_MATCH,
          IDEMPOTENCY_KEY,
          header(FILE_HEADER, 'Name of the file, for messages about its lines.'),
          flag('dryRun', 'Say what would follow, and do nothing.'),
        ],
        'x-example': EXAMPLE_FILE,
        requestBody: {
          required: true,
          content: {
            'application/yaml': { schema: { type: 'string' } },
            'application/json': { schema: jsonSchemaOf(experimentFile, 'input') },
          },
        },
        responses: {
          ...bodyRefusals,
          200: jsonAnswer('Nothing has changed, or only the policy.', appliedExperimentView),
          201: jsonAnswer('A new experiment or revision.', appliedExperimentView),
          409: problemAnswer('The state forbids it.'),
          412: problemAnswer('Something was decided since what `If-Match` names.'),
          422: problemAnswer('The file is wrong: file, line and expectation of every problem.'),
        },
      },
      get: {
        operationId: 'listExperiments',
        'x-role': 'viewer',
        summary: 'All experiments that are not archived, by key.',
        parameters: [flag('archived', 'Archived ones as well.')],
        responses: {
          200: jsonAnswer('The experiments.', list),
          400: problemAnswer('The query is wrong.'),
        },
      },
    },
    '/v1/experiments/{key}': {
      get: {
        operationId: 'showExperiment',
        'x-role': 'viewer',
        summary: 'Where an experiment stands.',
        parameters: [KEY],
        responses: { 200: jsonAnswer('The experiment.', anyExperimentView), 404: problemAnswer('Unknown.') },
      },
    },
    '/v1/experiments/{key}/decisions': {
      get: {
        operationId: 'listDecisions',
        'x-role': 'viewer',
        summary: 'The audit log: what was decided, by whom, on what evidence.',
        parameters: [KEY, flag('analyses', 'With the whole analyses that decisions rest on: enough to decide again.')],
        responses: {
          200: jsonAnswer('Oldest first.', decisions),
          400: problemAnswer('The query is wrong.'),
          404: problemAnswer('Unknown.'),
        },
      },
    },
    ...order('pause', 'Stop the ramp where it is, and the clock of the deadline; harm is still acted upon.', orderBody),
    ...order('resume', 'Let a paused ramp go on.', orderBody),
    ...order('promote', 'Give a candidate all traffic without waiting for the proof.', promotionBody),
    ...order(
      'drop-arm',
      'Take one candidate of several out of the test; its share goes to control, and it is latched.',
      dropArmBody,
    ),
    ...order('rollback', 'Give control all traffic, for good. Possible at any time.', rollbackBody),
    ...order('approve', 'Give the approval that a stage of the ramp asks for.', approvalBody),
    ...order('archive', 'Leave what has ended, or was never started, out of the list; its log stays.', orderBody),
    ...order('new-attempt', 'Start an ended experiment again: a new revision with no evidence.', orderBody, 201),
    '/v1/services': {
      get: {
        operationId: 'listServices',
        'x-role': 'viewer',
        summary: 'All services that are not deleted, by name.',
        parameters: [flag('deleted', 'Deleted ones as well.')],
        responses: { 200: jsonAnswer('The services.', services) },
      },
    },
    '/v1/services/{service}': {
      get: {
        operationId: 'showService',
        'x-role': 'viewer',
        summary: 'What a service serves, which experiment has its traffic, and what was rolled back from it.',
        parameters: [SERVICE],
        responses: { 200: jsonAnswer('The service.', serviceView), 404: problemAnswer('Unknown.') },
      },
    },
    '/v1/services/{service}/events': {
      get: {
        operationId: 'listServiceEvents',
        'x-role': 'viewer',
        summary: 'What happened to a service: baselines, slots, latches.',
        parameters: [SERVICE],
        responses: { 200: jsonAnswer('Oldest first.', serviceEvents), 404: problemAnswer('Unknown.') },
      },
    },
    '/v1/services/{service}/baseline': {
      post: serviceOrder(
        'setBaseline',
        'Say how a service is served that was changed by other means.',
        baselineBody,
        'admin',
      ),
    },
    '/v1/services/{service}/slots': {
      put: serviceOrder(
        'setSlots',
        'Divide its units into slots of one experiment each, and a holdout.',
        slotsBody,
        'admin',
      ),
    },
    '/v1/services/{service}/retry': {
      post: serviceOrder('retryFingerprint', 'Let a configuration that was rolled back be tried again.', retryBody),
    },
    '/v1/services/{service}/pause': {
      post: serviceOrder(
        'pauseService',
        'Let all its ramps stand still; nothing begins, and proven harm still rolls back.',
        orderBody,
      ),
    },
    '/v1/services/{service}/resume': {
      post: serviceOrder(
        'resumeService',
        'Let a paused, drained or deleted service go on, with what was paused with it.',
        orderBody,
      ),
    },
    '/v1/services/{service}/drain': {
      post: serviceOrder(
        'drainService',
        'End its experiments without a verdict and serve the baseline; nothing begins. Slots of experiments whose logs are gone are freed.',
        orderBody,
      ),
    },
    '/v1/services/{service}/delete': {
      post: serviceOrder(
        'deleteService',
        'Let routers serve it no more; its log stays. Refused while an experiment runs.',
        orderBody,
        'admin',
      ),
    },
  },
};

function serviceOrder(operationId: string, summary: string, body: z.ZodType, role: Role = 'operator'): ApiOperation {
  return {
    operationId,
    'x-role': role,
    summary,
    parameters: [SERVICE, IF_MATCH, IDEMPOTENCY_KEY],
    ...(operationId in EXAMPLE_BODIES ? { 'x-example': EXAMPLE_BODIES[operationId] } : {}),
    requestBody: jsonBody(body),
    responses: {
      ...bodyRefusals,
      200: jsonAnswer('As ordered.', serviceView),
      404: problemAnswer('Unknown.'),
      409: problemAnswer('The state forbids it, and what would help.'),
      412: problemAnswer('Something was decided since what `If-Match` names.'),
      422: problemAnswer('The order is incomplete.'),
    },
  };
}

function order(name: string, summary: string, body: z.ZodType, success = 200): ApiDescription['paths'] {
  return {
    [`/v1/experiments/{key}/${name}`]: {
      post: {
        operationId: `${name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase())}Experiment`,
        'x-role': 'operator',
        summary,
        parameters: [KEY, IF_MATCH, IDEMPOTENCY_KEY],
        requestBody: jsonBody(body),
        responses: {
          ...bodyRefusals,
          [success]: jsonAnswer('As ordered.', anyExperimentView),
          404: problemAnswer('Unknown.'),
          409: problemAnswer('The state forbids it, and what would help.'),
          412: problemAnswer('Something was decided since what `If-Match` names.'),
          422: problemAnswer('The order is incomplete.'),
        },
      },
    },
  };
}

function header(name: string, description: string, pattern?: string): Readonly<Record<string, unknown>> {
  const schema = { type: 'string', ...(pattern === undefined ? {} : { pattern }) };
  return { name, in: 'header', required: false, description, schema };
}

function flag(name: string, description: string): Readonly<Record<string, unknown>> {
  return { name, in: 'query', required: false, description, schema: { type: 'boolean' } };
}
