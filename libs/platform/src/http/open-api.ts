import { z } from 'zod';
import type { Role } from '../identity/roles.js';
import { inComponents } from './open-api-components.js';

/** The routes of an app as OpenAPI 3.1 describes them: path → method → operation. */
export interface ApiDescription {
  readonly title: string;
  readonly description: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
}

/** One operation; besides what OpenAPI asks for it says who may use it. */
export interface ApiOperation {
  readonly summary: string;
  /** The role that it needs on the service that it is about. */
  readonly 'x-role': Role | 'anybody';
  readonly responses: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    problems: z.array(z.unknown()).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457; `problems` has one entry per thing that is wrong.' });

const finding = z.object({ ok: z.boolean(), reason: z.string().optional() }).loose();
const healthy = z.object({ status: z.literal('ok'), checks: z.record(z.string(), finding) }).meta({ id: 'Health' });

/** The OpenAPI 3.1 document of an app: its own routes and those that every app has. */
export function openApiOf(api: ApiDescription): Readonly<Record<string, unknown>> {
  const secured = Object.entries(allPaths(api)).map(([path, methods]) => [path, withSecurity(methods)] as const);
  const { value: paths, schemas } = inComponents(Object.fromEntries(secured));
  return {
    openapi: '3.1.0',
    info: { title: api.title, version: '1.0.0', description: api.description },
    paths,
    components: { schemas, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}

/**
 * The operation that describes a route.
 * @param path as the framework writes it, for example `/v1/services/:service`
 */
export function operationAt(api: ApiDescription, method: string, path: string): ApiOperation | undefined {
  const written = path.replace(/:(\w+)/g, '{$1}').replace(/(.)\/$/, '$1');
  // The same answer at a shorter address, for people.
  const described = written === '/health' ? '/health/ready' : written;
  return allPaths(api)[described]?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
}

/** The routes of an app, and those that every app has. */
export function allPaths(api: ApiDescription): ApiDescription['paths'] {
  return { ...api.paths, ...ROUTES_OF_EVERY_APP };
}

function withSecurity(methods: Readonly<Record<string, ApiOperation>>): Readonly<Record<string, ApiOperation>> {
  return Object.fromEntries(
    Object.entries(methods).map(([method, operation]) => [
      method,
      operation['x-role'] === 'anybody'
        ? operation
        : {
            ...operation,
            security: [{ bearer: [] }],
            responses: { ...AWAY, ...operation.responses, ...ACCESS_REFUSALS },
          },
    ]),
  );
}

/** An answer as JSON. */
export function jsonAnswer(description: string, schema: z.ZodType): Readonly<Record<string, unknown>> {
  return { description, content: { 'application/json': { schema: jsonSchemaOf(schema, 'output') } } };
}

/** A refusal as problem+json. */
export function problemAnswer(description: string): Readonly<Record<string, unknown>> {
  return { description, content: { 'application/problem+json': { schema: jsonSchemaOf(problem, 'output') } } };
}

const ACCESS_REFUSALS = {
  401: problemAnswer('Nobody has the token, or there is none.'),
  403: problemAnswer('Whoever has the token may not do this on this service.'),
};

/** What a route answers that asks a database, unless it says it in other words. */
const AWAY = { 503: problemAnswer('The database does not answer at the moment: ask again, `retry-after` says when.') };

/** What every route that takes a body answers to one it can't read. */
export const bodyRefusals = {
  400: problemAnswer('The body is malformed.'),
  413: problemAnswer('The body is too long.'),
  415: problemAnswer('The body has a media type that is not understood here.'),
};

/** A body as JSON. */
export function jsonBody(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return { required: true, content: { 'application/json': { schema: jsonSchemaOf(schema, 'input') } } };
}

/** The JSON schema of what goes in or comes out. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, reused: 'inline' }) as Record<string, unknown>;
  return rest;
}

const ROUTES_OF_EVERY_APP = {
  '/health/live': {
    get: {
      operationId: 'live',
      'x-role': 'anybody',
      summary: 'Whether the process works; a failure means that only a new start helps.',
      responses: { 200: jsonAnswer('It works.', healthy), 503: problemAnswer('It is dead, and why.') },
    },
  },
  '/health/ready': {
    get: {
      operationId: 'ready',
      'x-role': 'anybody',
      summary: 'Whether it can do its work now, check by check. `/health` answers the same.',
      responses: { 200: jsonAnswer('It can.', healthy), 503: problemAnswer('It can not, and why.') },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      'x-role': 'anybody',
      summary: 'Metrics in the Prometheus text format.',
      responses: { 200: { description: 'The metrics.', content: { 'text/plain': { schema: { type: 'string' } } } } },
    },
  },
  '/openapi': {
    get: {
      operationId: 'openApiPage',
      'x-role': 'anybody',
      summary: 'This document for people, with an example of each route.',
      responses: { 200: { description: 'The page.', content: { 'text/html': { schema: { type: 'string' } } } } },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openApi',
      'x-role': 'anybody',
      summary: 'This document.',
      responses: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: {} } } } },
    },
  },
} as const satisfies ApiDescription['paths'];
