import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, vi } from 'vitest';
import { ApiClient } from '../server/api-client.js';
import { waitUntil, type Wait } from './wait-until.js';

const running = {
  key: 'sdxl-int8',
  phase: 'running',
  revision: 1,
  weightsPpm: { control: 950_000, candidate: 50_000 },
};
const promoted = { ...running, phase: 'promoted', weightsPpm: { control: 0, candidate: 1_000_000 } };
/** As the decision service answers while its database is away. */
const away = { status: 503, title: 'Not available', detail: 'the database does not answer' };

/** Waits at a server that gives these answers, the last one for ever. */
async function waited(answers: readonly object[], wait: Partial<Wait> = {}) {
  let asked = 0;
  const server = createServer((_request, response) => {
    const answer = answers[Math.min(asked, answers.length - 1)] as { readonly status?: number };
    asked += 1;
    const { status = 200 } = answer;
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(status === 503 ? { 'retry-after': '1' } : {}),
    });
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new ApiClient({ what: 'decision service', url, token: undefined, how: '' });
  const { signal } = new AbortController();
  const what = { key: 'sdxl-int8', awaited: 'promoted', timeoutMs: 20_000, signal, output: 'table', ...wait } as const;
  return waitUntil({ decision: client, reports: client, actor: undefined }, what)
    .then(
      () => ({ exitCode: 0, message: '' }),
      (error: { readonly exitCode: number; readonly message: string }) => error,
    )
    .then(({ exitCode, message }) => ({ exitCode, message }))
    .finally(() => server.close().closeAllConnections());
}

describe.concurrent('waiting', () => {
  it('goes on while the server can’t answer, and ends with what it waits for', async ({ expect }) => {
    // Each question is asked three times before it counts as one without an answer.
    expect(await waited([running, away, away, away, promoted])).toEqual({ exitCode: 0, message: '' });
  });

  it('that follows an apply begins also while the server is started anew', async ({ expect }) => {
    const begun = { awaited: 'promoted', revision: 1 } as const;
    expect(await waited([away, away, away, promoted], begun)).toEqual({ exitCode: 0, message: '' });
    expect(await waited([away, away, away, promoted])).toMatchObject({ exitCode: 5 });
  });

  it('takes no other revision for the one that it waits for', async ({ expect }) => {
    const next = { ...promoted, revision: 2 };
    expect(await waited([running, next])).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('revision 1 of sdxl-int8 was waited for, and revision 2 has taken its place'),
    });
    // `apply --wait` knows which it is from the answer of `apply`.
    expect(await waited([next], { revision: 1 })).toMatchObject({ exitCode: 1 });
  });

  it('says when there is no more time what is in the way', async ({ expect }) => {
    const held = { since: '2026-11-28T03:00:00Z', causes: ['scores-silent'] };
    const awaiting = { ...running, phase: 'held', held, approvals: { awaited: 1 } };
    expect(await waited([awaiting], { timeoutMs: 200 })).toEqual({
      exitCode: 3,
      message:
        "sdxl-int8 is held still after 200 ms; it can't be judged: scores silent; stage 2 waits for an approval: teststrip approve sdxl-int8 -r …",
    });
  });

  it('ends where a person is needed, if that is waited for', async ({ expect }) => {
    const awaiting = { ...running, approvals: { awaited: 1 } };
    expect(await waited([running, awaiting], { awaited: 'approval' })).toMatchObject({ exitCode: 0 });
    expect(await waited([{ ...running, phase: 'rolled-back' }], { awaited: 'approval' })).toMatchObject({
      exitCode: 1,
      message: 'sdxl-int8 was rolled back, and was waited for to wait for an approval',
    });
  });
});

it('says once that the server is away, however long it is', async ({ expect }) => {
  const said: string[] = [];
  const telling = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const behindProxy = { ...away, status: 502 };
  await waited([running, behindProxy, behindProxy, promoted]).finally(() => telling.mockRestore());
  expect(said.filter((text) => text.includes('Waiting on.'))).toHaveLength(1);
});
