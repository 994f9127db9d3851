import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportsApp, type ExperimentLikeness, type ExperimentSummary } from '#apps/reports';
import {
  decodeEvent,
  encodeEmbedding,
  examples,
  type DataOf,
  type EncodedEvent,
  type TeststripEvent,
  type TopicName,
} from '#libs/contracts';
import { createEventBus, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { createFactStore } from '#libs/persistence/recorder';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { abStory, reviewStory } from './reports-story.js';
import { recordEvents } from './record-events.js';

interface BlindedReview {
  readonly pairs: readonly { readonly pair: string; readonly left: string }[];
}

let database: TestDatabase;
let reports: RunningApp;
let folder: string;
const published: EncodedEvent[] = [];
let bus: EventBus;

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  folder = await mkdtemp(join(tmpdir(), 'teststrip-reports-'));
  await mkdir(join(folder, 'pictures'));
  await recordEvents(database, createFactStore(database), examples);
  const pictureRoots = [join(folder, 'pictures'), join(folder, 'not-there')];
  bus = {
    ...(await createEventBus({ carrier: 'memory' })),
    publish: async (records) => void published.push(...(records as readonly EncodedEvent[])),
  };
  reports = await startApp(reportsApp, {
    resources: { database, bus },
    environment: { AUTH: 'off' },
    settings: { pictureRoots, liveEveryMs: 20 },
  });
});
afterAll(async () => {
  await reports.close();
  await database.close();
  await rm(folder, { recursive: true });
});

const defined = dataOf('experiment.defined.v1');
const routed = dataOf('request.routed.v1');
const address = `/api/experiments/${defined.experiment}`;

describe('the reports API', () => {
  it('leaves archived experiments out of the list, and shows them at their address', async () => {
    const keep = (archived: string) =>
      database.query(
        `insert into teststrip.experiments (key, revision, version, state, spec) values ($1, 1, 1, $2::jsonb, '{}')
         on conflict (key) do update set state = excluded.state`,
        [defined.experiment, archived],
      );
    const listed = async () => ((await json('/api/experiments')) as { experiments: unknown[] }).experiments.length;
    await keep('{"archived": true}');
    expect(await listed()).toBe(0);
    expect(await json(address)).toMatchObject({ experiment: defined.experiment });
    await keep('{}');
    expect(await listed()).toBe(1);
    await database.query('delete from teststrip.experiments');
  });

  it('lists experiments and summarises one', async () => {
    const { experiments } = (await json('/api/experiments')) as { experiments: { experiment: string }[] };
    expect(experiments.map(({ experiment }) => experiment)).toEqual([defined.experiment]);
    const summary = (await json(address)) as ExperimentSummary;
    expect(summary).toMatchObject({ experiment: defined.experiment, revision: defined.revision, exposed: 1 });
    expect(summary.metrics).toMatchObject(dataOf('experiment.analysed.v1').metrics);
    expect(summary.decisions).toMatchObject([{ message: dataOf('allocation.commanded.v1').message }]);
    const { points } = (await json(`${address}/history?points=10`)) as { points: { at: string }[] };
    expect(points).toMatchObject([{ at: dataOf('experiment.analysed.v1').analysedAt }]);
  });

  it('passes on what the analysis says of the objectives, and says null where there are none', async () => {
    const story = abStory('weighed');
    await recordEvents(database, createFactStore(database), story);
    const { data } = story.at(-1) as TeststripEvent<'experiment.analysed.v1'>;
    expect(((await json('/api/experiments/weighed')) as ExperimentSummary).objectives).toEqual(data.objectives);
    expect(((await json(address)) as ExperimentSummary).objectives).toBeNull();
  });

  it('hands out pairs to who says who they are, and takes of each prompt the same judgement once', async () => {
    await recordEvents(database, createFactStore(database), await reviewStory('to-judge', join(folder, 'pictures')));
    const judge = (body: object): Promise<Response> =>
      fetch(`${reports.url}/api/experiments/to-judge/judgements`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await fetch(`${reports.url}/api/experiments/to-judge/review`)).status).toBe(400);
    const review = (await json('/api/experiments/to-judge/review?rater=ana&limit=2')) as BlindedReview;
    expect(review).toMatchObject({ judged: 0, of: 6, asked: { weightPpm: 50_000, judgements: 30, given: 0 } });
    expect(review.pairs).toHaveLength(2);
    const [{ pair, left }] = review.pairs as [BlindedReview['pairs'][number]];
    const picture = await fetch(reports.url + left);
    expect([picture.status, picture.headers.get('content-type'), picture.headers.get('etag')]).toEqual([
      200,
      'image/png',
      null,
    ]);
    const ids = await Promise.all(
      ['left', 'right'].map(async (preferred) => {
        const answer = await judge({ pair, preferred, rater: 'ana' });
        expect(answer.status).toBe(202);
        return ((await answer.json()) as { id: string }).id;
      }),
    );
    expect(ids[0]).toBe(ids[1]);
    const events = published.splice(0).map((record) => decodeEvent(record) as TeststripEvent<'preference.judged.v1'>);
    expect(events.map(({ data }) => [data.rater, data.preferred]).toSorted()).toEqual([
      ['ana', 'left'],
      ['ana', 'right'],
    ]);
    expect((await judge({ pair, preferred: 'left' })).status).toBe(422);
    expect((await judge({ pair: left, preferred: 'left', rater: 'ana' })).status).toBe(410);
  });

  it('answers everything wrong with problem+json that says what was expected', async () => {
    const wrong: [path: string, status: number, detail: string][] = [
      ['/api/experiments/nobody', 404, 'nobody'],
      ['/api/experiments/nobody/live', 404, 'nobody'],
      [`${address}/pictures?limit=0`, 400, 'limit'],
      [`${address}/history?points=many`, 400, 'points'],
      ['/api/pictures/unknown/0', 404, 'unknown'],
      ['/api/pictures/unknown/first', 400, 'numeric'],
      ['/page/..%2Fsrc%2Findex.ts', 404, 'no file'],
      ['/elsewhere', 404, '/elsewhere'],
    ];
    for (const [path, status, detail] of wrong) {
      const answer = await fetch(reports.url + path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        status,
        expect.stringContaining('application/problem+json'),
      ]);
      expect(((await answer.json()) as { detail: string }).detail).toContain(detail);
    }
  });

  it('tells a follower the summary at once and again when it changes', async () => {
    const answer = await fetch(`${reports.url}${address}/live`);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const summaries = summariesOf(answer);
    expect((await summaries.next()).value).toMatchObject({ exposed: 1 });
    const event = examples.find(({ type }) => type === 'request.routed.v1') as TeststripEvent<'request.routed.v1'>;
    await recordEvents(database, createFactStore(database), [{ ...event, id: 'one more' }]);
    expect((await summaries.next()).value).toMatchObject({ exposed: 2 });
    await summaries.return(undefined);
  });

  it('ends a follower’s stream when their token counts no more', async () => {
    const identities = join(folder, 'identities.yaml');
    const withTokens = (...tokens: readonly string[]): Promise<void> =>
      writeFile(
        identities,
        JSON.stringify({
          identities: tokens.map((token) => ({
            name: token,
            sha256: createHash('sha256').update(token).digest('hex'),
            roles: { '*': 'viewer' },
          })),
        }),
      );
    await withTokens('anna', 'leaving');
    const guarded = await startApp(reportsApp, {
      resources: { database, bus },
      environment: { IDENTITIES: identities },
      settings: { pictureRoots: [], liveEveryMs: 20 },
    });
    const leave = new AbortController();
    /** Says how the stream has ended. */
    const followed = async (token: string): Promise<string> => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${guarded.url}${address}/live`, { headers, signal: leave.signal });
      expect(answer.status).toBe(200);
      return answer.text().then(() => 'ended', String);
    };
    try {
      const [staying, leaving] = [followed('anna'), followed('leaving')];
      await sleep(100);
      await withTokens('anna');
      expect(await leaving).toMatch(/terminated/);
      expect(await Promise.race([staying, sleep(200, 'goes on')])).toBe('goes on');
      leave.abort();
      await staying;
    } finally {
      await guarded.close();
    }
  });

  it('serves the page with its own files only', async () => {
    for (const path of ['/', `/experiments/${defined.experiment}`]) {
      const page = await fetch(reports.url + path);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
      const html = await page.text();
      expect(html).not.toMatch(/https?:\/\//);
      for (const [, file] of html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)) {
        expect([file, (await fetch(reports.url + file)).status]).toEqual([file, 200]);
      }
    }
  });
});

describe('pictures', () => {
  const bytes = Buffer.from('not really a picture, but known by its digest');

  it('that lie under a picture root are served as what they are', async () => {
    await announce('inside', await keep('pictures/inside.png'));
    const { variants } = (await json(`${address}/pictures`)) as {
      variants: { variant: string; latest: { href: string; generationId: string }[] }[];
    };
    const shown = variants.flatMap(({ latest }) => latest).find(({ generationId }) => generationId === 'inside');
    const answer = await fetch(reports.url + shown!.href);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
  });

  it('of one prompt by control and a candidate are compared, the least alike first', async () => {
    const story = await reviewStory('alike', join(folder, 'pictures'));
    const scores = story.filter(({ type }) => type === 'generation.completed.v1').map(scoreOf);
    await recordEvents(database, createFactStore(database), [...story, ...scores]);
    const { candidates } = (await json('/api/experiments/alike/pictures/likeness?limit=2')) as ExperimentLikeness;
    const [candidate] = candidates;
    expect(candidate).toMatchObject({
      variant: 'candidate',
      prompts: 6,
      medianLikeness: expect.closeTo(Math.cos(0.6), 3),
    });
    expect(candidate!.leastAlike).toMatchObject([
      {
        prompt: expect.stringContaining('take 5'),
        likeness: expect.closeTo(Math.cos(1), 3),
        isSameSeed: true,
        control: {
          generationId: 'alike-generation-10',
          href: '/api/pictures/alike-generation-10/0?service=text-to-image',
        },
        candidate: { generationId: 'alike-generation-11' },
      },
      { prompt: expect.stringContaining('take 4') },
    ]);
    expect(candidate!.mostAlike[0]).toMatchObject({ prompt: expect.stringContaining('take 0'), likeness: 1 });
  });

  it('from anywhere else are not, however a message spells the address', async () => {
    const outside = await keep('outside.png');
    const link = join(folder, 'pictures', 'link.png');
    await symlink(outside, link);
    const roundabout = `${pathToFileURL(join(folder, 'pictures')).href}/%2e%2e/outside.png`;
    const addresses = [outside, link, roundabout, '/etc/passwd', 'http://127.0.0.1:1/x.png', 'file://elsewhere/x.png'];
    for (const [index, uri] of addresses.entries()) {
      await announce(`outside-${index}`, uri);
      expect([uri, (await fetch(`${reports.url}/api/pictures/outside-${index}/0`)).status]).toEqual([uri, 404]);
    }
  });

  it('that are a pipe, which nobody writes to, are not waited for', async () => {
    const path = join(folder, 'pictures', 'pipe.png');
    execFileSync('mkfifo', [path]);
    await announce('pipe', path);
    const asked = fetch(`${reports.url}/api/pictures/pipe/0`, { signal: AbortSignal.timeout(5_000) });
    expect((await asked).status).toBe(404);
  });

  it('of a generation that two services have announced are those of the one that is named', async () => {
    const path = await keep('pictures/both.png');
    await announce('both', path);
    await announce('both', '/etc/passwd', 'another-service');
    const statuses = ['', '?service=text-to-image', '?service=another-service', '?service=a&service=b'].map(
      async (query) => (await fetch(`${reports.url}/api/pictures/both/0${query}`)).status,
    );
    expect(await Promise.all(statuses)).toEqual([409, 200, 404, 400]);
  });

  it('that were changed after they were announced are refused', async () => {
    const path = await keep('pictures/changed.png');
    await announce('changed', path);
    await writeFile(path, 'another one');
    expect((await fetch(`${reports.url}/api/pictures/changed/0`)).status).toBe(409);
  });

  async function keep(name: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  }

  async function announce(generationId: string, place: string, service = routed.service): Promise<void> {
    const event = examples.find(
      ({ type }) => type === 'generation.completed.v1',
    ) as TeststripEvent<'generation.completed.v1'>;
    const uri = place.includes('://') ? place : pathToFileURL(place).href;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const assignment = { ...routed.assignment!, experiment: defined.experiment, revision: defined.revision };
    const images = [{ uri, sha256, format: 'png' as const, width: 8, height: 8, bytes: bytes.length }];
    const time = '2026-11-20T12:00:00.000Z';
    const data = { ...event.data, service, generationId, assignment, images };
    await recordEvents(database, createFactStore(database), [{ ...event, id: generationId, time, data }]);
  }
});

describe('feedback', () => {
  it('is published under the assignment of its request, once per idempotency key', async () => {
    const body = { requestId: routed.requestId, kind: 'rating', rating: 4 };
    const answers = await Promise.all([1, 2].map(() => post(body, { 'idempotency-key': 'k' })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const events = published.splice(0).map((record) => decodeEvent(record));
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
    expect(events[0]).toMatchObject({
      subject: routed.assignment!.unit,
      data: { assignment: routed.assignment, kind: 'rating', rating: 4, generationId: null },
    });
  });

  it('that cannot be used is refused with the reason', async () => {
    const wrong: [body: unknown, status: number, detail: string][] = [
      [{ requestId: 'nobody', kind: 'thumb-up' }, 404, 'nobody'],
      [{ requestId: routed.requestId, kind: 'thumb-sideways' }, 422, 'kind'],
      [{ requestId: routed.requestId, kind: 'rating' }, 422, 'rating'],
      [{ requestId: routed.requestId, kind: 'thumb-up', rating: 5 }, 422, 'rating'],
      ['{"requestId":', 400, 'JSON'],
    ];
    for (const [body, status, detail] of wrong) {
      const answer = await post(body);
      expect([body, answer.status]).toEqual([body, status]);
      expect(((await answer.json()) as { detail: string }).detail).toContain(detail);
    }
    expect(published).toEqual([]);
  });

  it('is limited by client also behind a proxy that is trusted, and whatever others say of themselves', async () => {
    const behindProxy = await startApp(reportsApp, {
      resources: { database, bus },
      environment: { AUTH: 'off', REPORTS_CLIENT_FEEDBACK: '1', REPORTS_TRUSTED_PROXIES: '127.0.0.1' },
    });
    const give = async (client: string, url = behindProxy.url) => {
      const headers = { 'content-type': 'application/json', 'x-forwarded-for': client };
      const body = JSON.stringify({ requestId: routed.requestId, kind: 'thumb-up' });
      return (await fetch(`${url}/api/feedback`, { method: 'POST', headers, body })).status;
    };
    expect([await give('192.0.2.1'), await give('192.0.2.1'), await give('192.0.2.2')]).toEqual([202, 429, 202]);
    await behindProxy.close();
    const open = await startApp(reportsApp, {
      resources: { database, bus },
      environment: { AUTH: 'off', REPORTS_CLIENT_FEEDBACK: '1' },
    });
    expect([await give('192.0.2.1', open.url), await give('192.0.2.2', open.url)]).toEqual([202, 429]);
    await open.close();
    published.splice(0);
  });
});

describe('events', () => {
  const generation = examples.find(({ type }) => type === 'generation.completed.v1')!;
  const batch = (...ids: string[]) => JSON.stringify(ids.map((id) => ({ ...generation, id })));
  const one = { 'content-type': 'application/cloudevents+json' };
  const packed = { 'content-encoding': 'gzip' };

  it('are taken in batches, packed or not, and one by one', async () => {
    const all = await send(gzipSync(batch('g1', 'g2')), packed);
    expect([all.status, await all.json()]).toEqual([
      202,
      {
        taken: 2,
        refused: 0,
        events: [
          { id: 'g1', status: 202 },
          { id: 'g2', status: 202 },
        ],
      },
    ]);
    const some = await send(`[{}, ${batch('g3').slice(1)}`);
    expect([some.status, await some.json()]).toMatchObject([
      207,
      { taken: 1, events: [{ status: 422 }, { id: 'g3' }] },
    ]);
    expect((await send(JSON.stringify({ ...generation, id: 'g4' }), one, '/v1/events/')).status).toBe(202);
    const events = published.splice(0).map((record) => decodeEvent(record));
    expect(events.map(({ id, mended }) => [id, mended])).toEqual(['g1', 'g2', 'g3', 'g4'].map((id) => [id, undefined]));
    expect(events[0]).toMatchObject({ data: generation.data });
  });

  it('that can not be taken are refused with the reason', async () => {
    const huge = Buffer.alloc(9 * 1024 * 1024, ' ');
    const wrong: [status: number, detail: string, answer: Promise<Response>][] = [
      [400, 'does not end', send('[{')],
      [400, 'not packed with gzip', send('[]', packed)],
      [400, 'levels', send('['.repeat(100))],
      [413, '8388608 bytes', send(huge)],
      [413, 'when it is unpacked', send(gzipSync(huge), packed)],
      [413, '1001 events', send(batch(...Array.from({ length: 1_001 }, (_, id) => String(id))))],
      [415, 'content-type', send('[]', { 'content-type': 'application/json' })],
      [415, 'content-encoding: br', send('[]', { 'content-encoding': 'br' })],
      [422, 'requestId', send(JSON.stringify({ ...generation, data: {} }), one)],
    ];
    for (const [status, detail, sent] of wrong) {
      const answer = await sent;
      expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
        status,
        expect.stringContaining(detail),
      ]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    expect(published).toEqual([]);
  });
});

/** Of the candidate's n-th picture the embedding points n fifths of a radian away from that of control's. */
function scoreOf(made: TeststripEvent, index: number): TeststripEvent<'image.scored.v1'> {
  const { generationId, assignment } = made.data as DataOf<'generation.completed.v1'>;
  const angle = index % 2 === 0 ? 0 : Math.floor(index / 2) / 5;
  const event = examples.find(({ type }) => type === 'image.scored.v1') as TeststripEvent<'image.scored.v1'>;
  const embedding = encodeEmbedding([Math.cos(angle), Math.sin(angle)]);
  return {
    ...event,
    id: `${generationId}-score`,
    time: made.time,
    data: { ...event.data, generationId, assignment, imageIndex: 0, outcome: 'scored', embedding },
  };
}

function send(body: string | Buffer, headers: Record<string, string> = {}, path = '/v1/events'): Promise<Response> {
  return fetch(reports.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents-batch+json', ...headers },
    body,
  });
}

function dataOf<T extends TopicName>(type: T): DataOf<T> {
  return examples.find((event) => event.type === type)!.data as DataOf<T>;
}

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${reports.url}/api/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function json(path: string): Promise<unknown> {
  const answer = await fetch(reports.url + path);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json();
}

async function* summariesOf(answer: Response): AsyncGenerator<ExperimentSummary, void> {
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split('\n\n');
    text = messages.pop()!;
    for (const message of messages) {
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (data !== undefined) yield JSON.parse(data) as ExperimentSummary;
    }
  }
}
