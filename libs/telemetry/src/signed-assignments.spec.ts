import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  decodeEvent,
  encodeAssignment,
  examples,
  REQUEST_ID_HEADER,
  type Assignment,
  type EncodedEvent,
  type TeststripEvent,
} from '#libs/contracts';
import { assignmentSignatures, createTelemetry, readRequestContext } from './index.js';

const KEY = 'a key of sixteen letters';
const { assignment } = examples.find(({ type }) => type === 'generation.completed.v1')!.data as {
  assignment: Assignment;
};
const encoded = encodeAssignment(assignment);
const forged = encodeAssignment({ ...assignment, variant: 'control' });
const sign = (requestId: string, key = KEY) => assignmentSignatures(key).of({ requestId, encoded });

/** What is published of requests with these headers. */
async function published(requests: readonly Readonly<Record<string, string>>[], assignmentKey?: string) {
  const records: EncodedEvent[] = [];
  const troubles: string[] = [];
  const telemetry = createTelemetry({
    bus: { publish: (batch) => Promise.resolve(void records.push(...batch)) },
    service: 'text-to-image',
    source: 'inference/test',
    assignmentKey,
    onTrouble: (message) => troubles.push(message),
  });
  for (const headers of requests)
    telemetry.generationCompleted({ request: readRequestContext(headers), outcome: 'delivered' });
  await telemetry.close();
  const events = records.map((record) => decodeEvent(record) as TeststripEvent<'generation.completed.v1'>);
  return { events, troubles, mended: telemetry.status().mended };
}

function headersOf(requestId: string, said: string, signature?: string): Readonly<Record<string, string>> {
  const headers = { [REQUEST_ID_HEADER]: requestId, [ASSIGNMENT_HEADER]: said };
  return signature === undefined ? headers : { ...headers, [ASSIGNMENT_SIGNATURE_HEADER]: signature };
}

describe('an assignment where the key is known', () => {
  it('counts if it is signed for its request', async () => {
    const { events, troubles, mended } = await published([headersOf('r', encoded, sign('r'))], KEY);
    expect(events).toMatchObject([{ subject: assignment.unit, data: { requestId: 'r', assignment } }]);
    expect([troubles, mended]).toEqual([[], 0]);
  });

  it.each([
    ['is not signed', headersOf('r', encoded)],
    ['is signed with another key', headersOf('r', encoded, sign('r', 'another key of some letters'))],
    ['is signed for another request', headersOf('r', encoded, sign('q'))],
    ['is another than was signed', headersOf('r', forged, sign('r'))],
    ['has a part of its signature', headersOf('r', encoded, sign('r').slice(1))],
  ])('is left out of the event if it %s', async (_what, headers) => {
    const { events, mended } = await published([headers], KEY);
    expect(events).toMatchObject([{ subject: headers[REQUEST_ID_HEADER], data: { assignment: null, shadow: false } }]);
    expect(mended).toBe(1);
  });

  it('is counted each time, and told of once', async () => {
    const { events, troubles, mended } = await published(
      [1, 2, 3].map((id) => headersOf(`r-${id}`, encoded)),
      KEY,
    );
    expect([events.length, mended]).toEqual([3, 3]);
    expect(troubles).toEqual(['the assignment of request r-1 was left out: it is not signed; see docs/telemetry.md']);
  });

  it('is no matter where a request has none', async () => {
    const { events, mended } = await published([{ [REQUEST_ID_HEADER]: 'r' }], KEY);
    expect(events).toMatchObject([{ data: { assignment: null } }]);
    expect(mended).toBe(0);
  });
});

it('counts as it is said where no key is known', async () => {
  const requests = [headersOf('r', encoded), headersOf('q', encoded, 'another signature')];
  const { events, mended } = await published(requests);
  expect(events).toMatchObject([{ data: { assignment } }, { data: { assignment } }]);
  expect(mended).toBe(0);
});

it('is signed by others who have the key by the recipe of docs/telemetry.md', async () => {
  const recipe = await readFile('docs/telemetry.md', 'utf8');
  const [, said = '', requestId = '', key = '', signature] =
    /Of the assignment `(.+?)` of the request `(.+?)`, with the key `(.+?)`, it is `(.+?)`/.exec(recipe)!;
  expect(assignmentSignatures(key).of({ requestId, encoded: said })).toBe(signature);
});
