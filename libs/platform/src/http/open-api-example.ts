import type { ApiOperation } from './open-api.js';

/** A JSON schema, as far as an example and the page need it. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

/** A request that shows how a route is asked. */
export interface ExampleRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: { readonly contentType: string; readonly text: string };
}

/** What stands for a parameter of a path. */
const IN_PATHS: Readonly<Record<string, string>> = {
  key: 'cheaper-sampler',
  experiment: 'cheaper-sampler',
  service: 'text-to-image',
  rest: 'generations',
  name: 'main.js',
  generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
  imageIndex: '0',
};

/**
 * The least that a route takes: required fields and parameters, each by its schema's own example where it has one. An operation may say the
 * whole body (`x-example`), where what it takes is more than its schema tells.
 */
export function exampleRequest(method: string, path: string, operation: ApiOperation): ExampleRequest {
  const parameters = parametersOfOperation(operation);
  const written = path.replace(/\{(\w+)\}/g, (_all, name: string) => inPath(name, parameters));
  return { method: method.toUpperCase(), path: written, ...bodyOf(operation) };
}

/** The same for a shell, with the service's address in `$URL` and the caller's token in `$TOKEN`. */
export function exampleCommand({ method, path, body }: ExampleRequest, needsToken: boolean): string {
  return [
    'curl',
    ...(method === 'GET' ? [] : ['-X', method]),
    ...(needsToken ? [`-H "authorization: Bearer $TOKEN"`] : []),
    ...(body === undefined
      ? []
      : [`-H 'content-type: ${body.contentType}'`, `-d '${body.text.replaceAll("'", `'\\''`)}'`]),
    `"$URL${path}"`,
  ].join(' ');
}

function inPath(name: string, parameters: readonly Parameter[]): string {
  const schema = parameters.find((one) => one.name === name && one.in === 'path')?.schema;
  return encodeURIComponent(String(schema?.examples?.[0] ?? schema?.enum?.[0] ?? IN_PATHS[name] ?? name));
}

function bodyOf(operation: ApiOperation): Pick<ExampleRequest, 'body'> {
  const [first] = schemasOf(operation['requestBody']);
  if (first === undefined) return {};
  const [contentType, schema] = first;
  const given = operation['x-example'];
  if (typeof given === 'string') return { body: { contentType, text: given } };
  return { body: { contentType, text: JSON.stringify(given ?? valueOf(schema, schema.$defs ?? {})) } };
}

export function parametersOfOperation(operation: ApiOperation): readonly Parameter[] {
  return (operation['parameters'] ?? []) as readonly Parameter[];
}

/** What a body or an answer may look like: a schema for each media type. */
export function schemasOf(described: unknown): readonly (readonly [contentType: string, schema: Schema])[] {
  const { content = {} } = (described ?? {}) as { readonly content?: Readonly<Record<string, { schema: Schema }>> };
  return Object.entries(content).map(([contentType, { schema }]) => [contentType, schema]);
}

type Definitions = NonNullable<Schema['$defs']>;

/** The schema itself where it only names one that stands beside it. */
export function named(schema: Schema, definitions: Definitions): Schema {
  return definitions[schema.$ref?.replace('#/$defs/', '') ?? ''] ?? schema;
}

function valueOf(written: Schema, definitions: Definitions): unknown {
  const schema = named(written, definitions);
  const said = schema.examples?.[0] ?? schema.const ?? schema.enum?.[0];
  if (said !== undefined) return said;
  const choice = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (choice !== undefined) return valueOf(choice, definitions);
  if (schema.default !== undefined) return schema.default;
  const { properties = {}, required = [], items } = schema;
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        required.map((name) => [name, valueOf(properties[name] ?? { type: 'string' }, definitions)]),
      );
    case 'array':
      return items === undefined ? [] : [valueOf(items, definitions)];
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    default:
      return 'text';
  }
}
