import { z } from 'zod';
import { closest } from './closest.js';
import { type ComparedField, comparedFieldAt, comparedFieldsOf } from './event-fields.js';
import type { MeasurableTopic, OwnMetric } from './spec.js';

const scalar = z.union([z.string(), z.number(), z.boolean()], 'expected text, a number, true or false');

/** Which events a metric of one's own counts, as people write it: a field and its value, or a list of values. */
export const whereFile = z
  .record(z.string().min(1), z.union([scalar, z.array(scalar).min(1)]))
  .refine((where) => Object.keys(where).length > 0, 'expected a field and its value, such as outcome: delivered')
  .describe('Only events of which every field named here has one of the values.');

export type WrittenWhere = z.output<typeof whereFile>;

/** Checks the fields and values against the events of the topic. */
export function readWhere(
  topic: MeasurableTopic,
  written: WrittenWhere,
  complain: (path: readonly PropertyKey[], message: string) => void,
): NonNullable<OwnMetric['where']> {
  const where: NonNullable<OwnMetric['where']> = {};
  for (const [path, value] of Object.entries(written)) {
    const values = Array.isArray(value) ? value : [value];
    where[path] = values;
    const field = comparedFieldAt(topic, path);
    if (field === undefined) {
      complain([path], noSuchField(topic, path));
      continue;
    }
    values.forEach((one, index) => {
      const fault = faultOf(one, field);
      if (fault !== undefined) complain(Array.isArray(value) ? [path, index] : [path], fault);
    });
  }
  return where;
}

function noSuchField(topic: MeasurableTopic, path: string): string {
  const fields = [...comparedFieldsOf(topic).keys()];
  const nearest = closest(path, fields, 3);
  const hint = nearest.length > 0 ? `nearest: ${nearest.join(', ')}` : `it has: ${fields.join(', ')}`;
  return `${topic} has no field "${path}" that can be compared with a value; ${hint}`;
}

function faultOf(value: string | number | boolean, { types, options }: ComparedField): string | undefined {
  const type = typeof value as 'string' | 'number' | 'boolean';
  if (!types.has(type))
    return `${JSON.stringify(value)} never occurs there: expected ${[...types].map(inWords).join(' or ')}`;
  if (type !== 'string' || options === null || options.includes(value as string)) return undefined;
  const [nearest] = closest(value as string, options, 1);
  const hint = nearest === undefined ? '' : `; nearest: ${nearest}`;
  return `"${String(value)}" never occurs there: expected one of: ${options.join(', ')}${hint}`;
}

function inWords(type: 'number' | 'boolean' | 'string'): string {
  return type === 'string' ? 'text' : type === 'number' ? 'a number' : 'true or false';
}
