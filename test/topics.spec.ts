import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { isSignedTopic, topics, type Application } from '#libs/contracts';

/** Where the code of an application stands; services that generate pictures publish with what libs/telemetry embeds in them. */
const FOLDERS: Readonly<Record<Application, readonly string[]>> = {
  router: ['apps/router/src'],
  inference: ['apps/inference/src', 'libs/telemetry/src'],
  scorer: ['apps/scorer/src'],
  analyzer: ['apps/analyzer/src'],
  decision: ['apps/decision/src'],
  recorder: ['apps/recorder/src'],
  reports: ['apps/reports/src'],
  cli: ['apps/cli/src'],
};
const NAMES = new Set<string>(Object.values(topics).map(({ name }) => name));

/** Decorators, and the fields and methods by which the bus is asked for topics. */
const READING_DECORATORS = new Set(['EventPattern', 'BatchEventPattern']);
const READING_FIELDS = new Set(['topics', 'compacted', 'live']);

interface Uses {
  readonly publishes: Set<string>;
  readonly reads: Set<string>;
}

const files = Object.values(FOLDERS).flat().flatMap(sourcesIn);
const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
const program = ts.createProgram(files, { ...options, skipLibCheck: true });
const checker = program.getTypeChecker();

describe.each(Object.values(topics))('$name', ({ name, producedBy, consumedBy }) => {
  it('is published by the applications that its file names', () => {
    expect(applicationsThat('publishes', name)).toEqual([...producedBy].sort());
  });

  it('is read by the applications that its file names', () => {
    expect(applicationsThat('reads', name)).toEqual([...consumedBy].sort());
  });

  it('is signed where a router obeys it, so that nobody who writes to the bus moves traffic by it', () => {
    expect(isSignedTopic(name)).toBe(applicationsThat('reads', name).includes('router'));
  });
});

const found = new Map<string, Uses>();

function applicationsThat(what: keyof Uses, topic: string): readonly string[] {
  return Object.keys(FOLDERS)
    .filter((application) => usesOf(application as Application)[what].has(topic))
    .sort();
}

function usesOf(application: Application): Uses {
  const known = found.get(application);
  if (known) return known;
  const uses: Uses = { publishes: new Set(), reads: new Set() };
  for (const file of FOLDERS[application].flatMap(sourcesIn)) collect(program.getSourceFile(file)!, uses);
  found.set(application, uses);
  return uses;
}

function collect(node: ts.Node, uses: Uses): void {
  if (ts.isDecorator(node) && ts.isCallExpression(node.expression)) {
    if (READING_DECORATORS.has(node.expression.expression.getText())) {
      for (const argument of node.expression.arguments) addNames(argument, uses.reads);
    }
  } else if (ts.isObjectLiteralExpression(node)) collectFields(node, uses);
  node.forEachChild((child) => collect(child, uses));
}

/** An event is an object with type, subject and data; a subscription names topics in one of its fields, or has handlers by topic. */
function collectFields(node: ts.ObjectLiteralExpression, uses: Uses): void {
  const fields = new Map(
    node.properties.flatMap((property) =>
      ts.isPropertyAssignment(property) ? [[property.name.getText(), property.initializer] as const] : [],
    ),
  );
  const isEvent = node.properties.some(({ name }) => name?.getText() === 'data') && fields.has('type');
  if (isEvent) addNames(fields.get('type')!, uses.publishes);
  for (const [name, value] of fields) {
    if (READING_FIELDS.has(name)) addNames(value, uses.reads);
    if (name === 'handlers') addHandled(value, uses.reads);
  }
}

/** Handlers by topic: `new Map(list.map(…))`, or a map of pairs. */
function addHandled(handlers: ts.Expression, names: Set<string>): void {
  const [entries] = ts.isNewExpression(handlers) ? (handlers.arguments ?? []) : [];
  if (entries && ts.isArrayLiteralExpression(entries)) {
    for (const pair of entries.elements) if (ts.isArrayLiteralExpression(pair)) addNames(pair.elements[0]!, names);
  } else if (entries && ts.isCallExpression(entries) && ts.isPropertyAccessExpression(entries.expression)) {
    addNames(entries.expression.expression, names);
  }
}

/** The topics among the values that an expression, or a list of them, may have. */
function addNames(expression: ts.Expression, names: Set<string>): void {
  const type = checker.getTypeAtLocation(expression);
  const element = checker.getIndexTypeOfType(type, ts.IndexKind.Number);
  const isText = (type.flags & ts.TypeFlags.StringLike) !== 0 || type.isUnion();
  const values = isText ? type : (element ?? type);
  for (const value of values.isUnion() ? values.types : [values]) {
    if (value.isStringLiteral() && NAMES.has(value.value)) names.add(value.value);
  }
}

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => join(folder, name));
}
