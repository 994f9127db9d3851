/** An OpenAPI document, as far as it is changed here. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly [field: string]: unknown;
}

interface Operation {
  readonly operationId?: string;
  readonly 'x-role'?: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
  readonly [field: string]: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema?: unknown;
}

/** Of which every second address speaks: what nobody knows is refused before much is read. */
export const KNOWN_NAME = 'fuzzed';
const NAMES_OF_THINGS = new Set(['key', 'experiment', 'service']);

/** Operations with something to vary. */
export function variedOperations({ paths }: Document): number {
  return operationsIn(paths).filter(({ parameters = [], requestBody }) => parameters.length > 0 || requestBody).length;
}

export function operationCount({ paths }: Document): number {
  return operationsIn(paths).length;
}

/** Ids of operations of which nothing varies but names in their addresses. */
export function operationsNamedOnly({ paths }: Document): readonly string[] {
  return operationsIn(paths)
    .filter(({ parameters = [], requestBody }) => !requestBody && parameters.every((one) => one.in === 'path'))
    .flatMap(({ operationId }) => operationId ?? []);
}

/** What one port serves, with names that are known there. Streams that never end are left out: tests of their own follow them. */
export function doorOf(document: Document, isServed: (path: string, operation: Operation) => boolean): Document {
  const paths = Object.entries(document.paths).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations)
        .filter(([, operation]) => isServed(path, operation) && !isStream(operation))
        .map(([method, operation]) => [method, withKnownNames(operation)]),
    ),
  ]);
  return { ...document, paths: Object.fromEntries(paths) as Document['paths'] };
}

function operationsIn(paths: Document['paths']): readonly Operation[] {
  return Object.values(paths).flatMap((operations) => Object.values(operations));
}

function isStream({ responses }: Operation): boolean {
  return JSON.stringify(responses).includes('text/event-stream');
}

function withKnownNames(operation: Operation): Operation {
  if (operation.parameters === undefined) return operation;
  const parameters = operation.parameters.map((parameter) =>
    parameter.in === 'path' && NAMES_OF_THINGS.has(parameter.name)
      ? { ...parameter, schema: { anyOf: [{ const: KNOWN_NAME }, { type: 'string', minLength: 1 }] } }
      : parameter,
  );
  return { ...operation, parameters };
}
