import { z } from 'zod';
import { schemas } from '../events/topics.js';
import type { MeasurableTopic } from './spec.js';

/** What a field of an event's data holds, as far as a metric can use it. `either`: a field of an open record that may hold anything. */
export type FieldType = 'number' | 'boolean' | 'either';

/** The branches of a JSON Schema this reads. */
interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

const known = new Map<MeasurableTopic, ReadonlyMap<string, FieldType>>();

/**
 * The fields of a topic's data that a metric can be made of, by dotted path, read from its JSON Schema: numbers and truth values, also
 * nullable ones; `quality.*` stands for every field of an open record. Lists are left out, and so is the assignment, which is the
 * design and no outcome.
 */
export function fieldsOf(topic: MeasurableTopic): ReadonlyMap<string, FieldType> {
  const found = known.get(topic) ?? fieldsIn(z.toJSONSchema(schemas[topic], { io: 'output' }) as SchemaNode);
  known.set(topic, found);
  return found;
}

/** What is at `path`; undefined: nothing a metric could use. */
export function fieldTypeAt(topic: MeasurableTopic, path: string): FieldType | undefined {
  const fields = fieldsOf(topic);
  const exact = fields.get(path);
  if (exact) return exact;
  const lastDot = path.lastIndexOf('.');
  if (lastDot < 0 || lastDot === path.length - 1) return undefined;
  return fields.get(`${path.slice(0, lastDot)}.*`);
}

function fieldsIn(root: SchemaNode): ReadonlyMap<string, FieldType> {
  const fields = new Map<string, FieldType>();
  const { assignment: _design, ...outcomes } = root.properties ?? {};
  walk({ ...root, properties: outcomes }, '', fields);
  return fields;
}

function walk(node: SchemaNode, path: string, fields: Map<string, FieldType>): void {
  const branches = node.anyOf ?? [node];
  const types = new Set(branches.map(({ type }) => (type === 'integer' ? 'number' : type)));
  const isNumber = types.has('number');
  const isBoolean = types.has('boolean');
  if (path !== '' && (isNumber || isBoolean)) {
    fields.set(path, isNumber && isBoolean ? 'either' : isNumber ? 'number' : 'boolean');
  }
  for (const branch of branches) {
    for (const [name, inner] of Object.entries(branch.properties ?? {})) walk(inner, join(path, name), fields);
    const open = branch.additionalProperties;
    if (typeof open === 'object' && path !== '') walk(open, join(path, '*'), fields);
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
