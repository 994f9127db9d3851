import { z } from 'zod';
import { closest } from './closest.js';

/** A problem at a path, in words. */
export interface SchemaProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/**
 * What a schema has against a value, in the words of a person: of several allowed forms the one that fits best speaks, unknown keys come
 * with the nearest known one.
 * @param most complaints of the schema that are put into words
 */
export function schemaProblems(error: z.ZodError, schema: z.ZodType, most: number): readonly SchemaProblem[] {
  return error.issues.slice(0, most).flatMap((issue) => problemsOf(issue, schema));
}

function problemsOf(issue: Issue, schema: z.ZodType): readonly SchemaProblem[] {
  const { path, message } = issue;
  switch (issue.code) {
    case 'invalid_union': {
      const best = bestBranch(issue.errors);
      // Where no form fits even at its first step, the union may have something to say of its own.
      if (message !== 'Invalid input' && isOfNoForm(best, keysAt(schema, path))) return [{ path, message }];
      return inside(path, best).flatMap((inner) => problemsOf(inner, schema));
    }
    case 'unrecognized_keys': {
      const known = keysAt(schema, path);
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown key "${key}"${expected(key, known)}`,
      }));
    }
    case 'invalid_key':
      return [{ path, message: `"${String(path.at(-1))}": ${issue.issues[0]?.message ?? message}` }];
    case 'invalid_type':
      if (!message.endsWith('received undefined')) break;
      return [{ path, message: `missing: expected ${kindInWords(issue.expected)}` }];
    default:
  }
  return [{ path, message: saysItself(message) ? message : inWords(issue) }];
}

/** A schema that says what is expected has its own words; all others begin like this. */
function saysItself(message: string): boolean {
  return !/^(Invalid|Too) /.test(message);
}

function inWords(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const [, found = 'something else'] = /received (\S+)$/.exec(issue.message) ?? [];
      // A whole number was wanted, and there is another one.
      return issue.expected === 'int' && found === 'number'
        ? 'expected a whole number'
        : `expected ${kindInWords(issue.expected)}, found ${kindInWords(found)}`;
    }
    case 'invalid_value':
      return `expected ${issue.values.length === 1 ? '' : 'one of: '}${issue.values.join(', ')}`;
    case 'too_small':
      return `expected ${bound(issue.origin, issue.inclusive ? 'at least' : 'more than', issue.minimum)}`;
    case 'too_big':
      return `expected ${bound(issue.origin, issue.inclusive ? 'at most' : 'less than', issue.maximum)}`;
    default:
      return issue.message.replace(/^Invalid input: /, '');
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
};

/** A kind of value as people call it. */
function kindInWords(kind: string): string {
  return KINDS[kind] ?? kind;
}

const COUNTED: Readonly<Record<string, string>> = {
  string: 'character',
  array: 'entry',
  set: 'entry',
  record: 'entry',
};

/** "at least 20", "at least 1 entry". */
function bound(origin: string, which: string, limit: number | bigint): string {
  const one = COUNTED[origin];
  if (one === undefined) return `${which} ${limit}`;
  return `${which} ${limit} ${Number(limit) === 1 ? one : one.replace(/y$/, 'ie').concat('s')}`;
}

/** The form of a union that the value comes nearest to: whose complaints lie deepest, then are fewest. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const depthOf = (issues: readonly Issue[]): number => Math.max(-1, ...issues.map(({ path }) => path.length));
  // With nothing to choose by, the last form is the one with the most to say.
  return [...branches].reverse().sort((a, b) => depthOf(b) - depthOf(a) || a.length - b.length)[0] ?? [];
}

/** Whether a value has nothing of a form: another kind of value, or a mapping with none of its keys, not even misspelt ones. */
function isOfNoForm(issues: readonly Issue[], known: readonly string[]): boolean {
  return issues.every((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.every((key) => closest(key, known, 1).length === 0);
    const isMissing = issue.path.length === 1 && issue.message.endsWith('received undefined');
    return isMissing || issue.path.length === 0;
  });
}

function inside(path: readonly PropertyKey[], issues: readonly Issue[]): readonly Issue[] {
  return issues.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

function expected(key: string, known: readonly string[]): string {
  const [nearest] = closest(key, known, 1);
  return `; expected one of: ${known.join(', ')}${nearest === undefined ? '' : `; nearest: ${nearest}`}`;
}

/** The branches of a JSON Schema this reads. */
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** Writing a schema out takes longer than all that is asked of it. */
const known = new WeakMap<z.ZodType, SchemaNode>();

function writtenOut(schema: z.ZodType): SchemaNode {
  const node = known.get(schema) ?? (z.toJSONSchema(schema, { io: 'input' }) as SchemaNode);
  known.set(schema, node);
  return node;
}

function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let nodes: readonly SchemaNode[] = [writtenOut(schema)];
  for (const step of path) nodes = nodes.flatMap(formsOf).flatMap((node) => childOf(node, step));
  return [...new Set(nodes.flatMap(formsOf).flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

function formsOf(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf?.flatMap(formsOf) ?? [node];
}

function childOf({ properties, additionalProperties, items }: SchemaNode, step: PropertyKey): readonly SchemaNode[] {
  const child = typeof step === 'number' ? items : (properties?.[String(step)] ?? additionalProperties);
  return typeof child === 'object' ? [child] : [];
}
