import { z } from 'zod';
import { schemas } from '../events/topics.js';
import type { MeasurableTopic } from './spec.js';

/** What a field of an event's data holds, as far as a metric can use it. `either`: a field of an open record that may hold anything. */
export type FieldType = 'number' | 'boolean' | 'either';

/** What a field may be compared with. */
export interface ComparedField {
  readonly types: ReadonlySet<'number' | 'boolean' | 'string'>;
  /** Of a field with a closed list of values. */
  readonly options: readonly string[] | null;
  /** A number between 0 and 1. */
  readonly isShare: boolean;
}

/** The branches of a JSON Schema this reads. */
interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

const known = new Map<MeasurableTopic, ReadonlyMap<string, FieldType>>();
const compared = new Map<MeasurableTopic, ReadonlyMap<string, ComparedField>>();

/**
 * The fields of a topic's data that a metric can be made of, by dotted path, read from its JSON Schema: numbers and truth values, also
 * nullable ones; `quality.*` stands for every field of an open record. Lists are left out, and so is the assignment, which is the
 * design and no outcome.
 */
export function fieldsOf(topic: MeasurableTopic): ReadonlyMap<string, FieldType> {
  const found = known.get(topic) ?? measurable(comparedFieldsOf(topic));
  known.set(topic, found);
  return found;
}

/** The fields of a topic's data that can be compared with a value: texts beside what {@link fieldsOf} has. */
export function comparedFieldsOf(topic: MeasurableTopic): ReadonlyMap<string, ComparedField> {
  const found = compared.get(topic) ?? fieldsIn(z.toJSONSchema(schemas[topic], { io: 'output' }) as SchemaNode);
  compared.set(topic, found);
  return found;
}

function measurable(fields: ReadonlyMap<string, ComparedField>): ReadonlyMap<string, FieldType> {
  const found = new Map<string, FieldType>();
  for (const [path, { types }] of fields) {
    const isNumber = types.has('number');
    const isBoolean = types.has('boolean');
    if (isNumber || isBoolean) found.set(path, isNumber && isBoolean ? 'either' : isNumber ? 'number' : 'boolean');
  }
  return found;
}

/** What is at `path`; undefined: nothing a metric could use. */
export function fieldTypeAt(topic: MeasurableTopic, path: string): FieldType | undefined {
  return at(fieldsOf(topic), path);
}

/** What is at `path` that can be compared with a value; undefined: nothing. */
export function comparedFieldAt(topic: MeasurableTopic, path: string): ComparedField | undefined {
  return at(comparedFieldsOf(topic), path);
}

function at<Field>(fields: ReadonlyMap<string, Field>, path: string): Field | undefined {
  const exact = fields.get(path);
  if (exact !== undefined) return exact;
  const lastDot = path.lastIndexOf('.');
  if (lastDot < 0 || lastDot === path.length - 1) return undefined;
  return fields.get(`${path.slice(0, lastDot)}.*`);
}

function fieldsIn(root: SchemaNode): ReadonlyMap<string, ComparedField> {
  const fields = new Map<string, ComparedField>();
  const { assignment: _design, ...outcomes } = root.properties ?? {};
  walk({ ...root, properties: outcomes }, '', fields);
  return fields;
}

function walk(node: SchemaNode, path: string, fields: Map<string, ComparedField>): void {
  const branches = node.anyOf ?? [node];
  const types = branches.flatMap(({ type }) => [type ?? []].flat()).flatMap((type) => scalarOf(type) ?? []);
  const options = branches.flatMap((branch) => branch.enum ?? []).filter((option) => typeof option === 'string');
  if (path !== '' && types.length > 0) {
    const isShare = branches.some(({ minimum, maximum }) => minimum === 0 && maximum === 1);
    fields.set(path, { types: new Set(types), options: options.length > 0 ? options : null, isShare });
  }
  for (const branch of branches) {
    for (const [name, inner] of Object.entries(branch.properties ?? {})) walk(inner, join(path, name), fields);
    const open = branch.additionalProperties;
    if (typeof open === 'object' && path !== '') walk(open, join(path, '*'), fields);
  }
}

function scalarOf(type: string): 'number' | 'boolean' | 'string' | undefined {
  if (type === 'integer') return 'number';
  return type === 'number' || type === 'boolean' || type === 'string' ? type : undefined;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
