import { z } from 'zod';
import { eventAttributes } from './envelope/encode.js';
import { examples } from './events/examples.js';
import { experimentFile } from './experiment/file.js';
import type { Topic } from './events/topic.js';
import { schemas, topics } from './events/topics.js';

/**
 * The documents generated from the schemas, by file name: one JSON Schema per topic, one for the experiment file, one example per
 * topic, and an AsyncAPI 3.0 description of the whole bus. `npm run contracts` writes them, a spec checks them for drift.
 */
export function contractDocuments(): ReadonlyMap<string, unknown> {
  const documents = new Map<string, unknown>();
  for (const [topic, schema] of Object.entries(schemas)) documents.set(`schemas/${topic}.json`, jsonSchema(schema));
  for (const example of examples) documents.set(`examples/${example.type}.json`, example);
  documents.set('schemas/experiment-file.json', jsonSchema(experimentFile));
  documents.set('asyncapi.json', asyncApi());
  return documents;
}

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as Record<string, unknown>;
}

function asyncApi(): unknown {
  const all = Object.entries(topics) as [string, Topic][];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Teststrip events',
      version: '1.0.0',
      description:
        'CloudEvents 1.0 in binary mode: attributes in ce_* headers, the data as JSON in the value. The id is the idempotency key; ' +
        'every consumer also has a <topic>.dead channel with messages that can never be processed, byte for byte.',
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      all.map(([id, topic]) => [
        id,
        {
          address: topic.name,
          description: `${topic.says} Keyed by ${topic.key}.${topic.compacted ? ' Compacted.' : ''}`,
          messages: { [id]: { $ref: `#/components/messages/${id}` } },
        },
      ]),
    ),
    operations: Object.fromEntries(
      all.map(([id, topic]) => [
        `publish-${topic.name}`.replace(/[^a-z0-9-]/g, '-'),
        { action: 'send', channel: { $ref: `#/channels/${id}` }, summary: whoUses(topic) },
      ]),
    ),
    components: {
      messages: Object.fromEntries(
        all.map(([id, topic]) => [
          id,
          {
            name: topic.name,
            summary: topic.says,
            headers: headersSchema(),
            payload: withoutDialect(jsonSchema(schemas[topic.name as keyof typeof schemas])),
          },
        ]),
      ),
    },
  };
}

function whoUses({ producedBy, consumedBy }: Topic): string {
  return `Published by ${named(producedBy)}; read by ${named(consumedBy)}.`;
}

function named(applications: readonly string[]): string {
  return applications.length === 0 ? 'nothing yet' : applications.join(', ');
}

function headersSchema(): unknown {
  const { properties, required } = withoutDialect(jsonSchema(eventAttributes)) as {
    properties: Record<string, unknown>;
    required: string[];
  };
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [`ce_${name}`, schema])),
    required: required.map((name) => `ce_${name}`),
  };
}

function withoutDialect(schema: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== '$schema'));
}
