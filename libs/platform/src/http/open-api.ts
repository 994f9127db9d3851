import { z } from 'zod';

/** The routes of an app as OpenAPI 3.1 describes them: path → method → operation. */
export interface ApiDescription {
  readonly title: string;
  readonly description: string;
  readonly paths: Readonly<Record<string, unknown>>;
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
  return {
    openapi: '3.1.0',
    info: { title: api.title, version: '1.0.0', description: api.description },
    paths: { ...api.paths, ...ROUTES_OF_EVERY_APP },
  };
}

/** An answer as JSON. */
export function jsonAnswer(description: string, schema: z.ZodType): Readonly<Record<string, unknown>> {
  return { description, content: { 'application/json': { schema: jsonSchemaOf(schema, 'output') } } };
}

/** A refusal as problem+json. */
export function problemAnswer(description: string): Readonly<Record<string, unknown>> {
  return { description, content: { 'application/problem+json': { schema: jsonSchemaOf(problem, 'output') } } };
}

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
      summary: 'Whether the process works; a failure means that only a new start helps.',
      responses: { 200: jsonAnswer('It works.', healthy), 503: problemAnswer('It is dead, and why.') },
    },
  },
  '/health/ready': {
    get: {
      operationId: 'ready',
      summary: 'Whether it can do its work now, check by check. `/health` answers the same.',
      responses: { 200: jsonAnswer('It can.', healthy), 503: problemAnswer('It can not, and why.') },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      summary: 'Metrics in the Prometheus text format.',
      responses: { 200: { description: 'The metrics.', content: { 'text/plain': { schema: { type: 'string' } } } } },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openApi',
      summary: 'This document.',
      responses: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: {} } } } },
    },
  },
} as const;
