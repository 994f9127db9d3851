import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '#libs/platform';
import { GateKeeper } from './gate-keeper.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) await close();
});

it('says why a gate gave no answer in one line, without what terminals obey', async () => {
  const reasons: string[] = [];
  const state = { experiment: 'a', revision: 1, spec: { control: 'x', ramp: { stages: [] } } };
  const asked = { stage: 0, when: 'before', gate: 'smoke', askedAtMs: 0 };
  const decisions = {
    gatesToAsk: () => [{ state, asked }],
    gateSaid: (_experiment: string, { reason }: { readonly reason: string }) =>
      Promise.resolve(void reasons.push(reason)),
  };
  // As of a certificate, whose names its owner chooses.
  const cause = new Error(`Host: a. is not in the cert's altnames: DNS:\u001B[2J\n${'x'.repeat(1_000)}`);
  vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed', { cause }));
  const urls = new Map([['smoke', 'https://a/']]);
  const settings = { urls, secret: undefined, timeoutMs: 1_000, askAgainMs: 1, pageUrl: undefined };
  const options = { decisions, settings, clock: systemClock } as unknown as ConstructorParameters<typeof GateKeeper>[0];
  const keeper = new GateKeeper(options);
  await expect
    .poll(() => {
      keeper.look((error) => expect.unreachable(error.message));
      return reasons.length;
    })
    .toBeGreaterThan(0);
  await keeper.close();
  expect(reasons[0]).toMatch(/^Host: a[^\p{C}]{400,493}$/u);
});

it('asks a gate that answers while another one answers nobody', async () => {
  const { keeper, answered } = await gatesOf({
    stuck: { experiments: 20, answer: () => undefined },
    quick: { experiments: 1, answer: approve },
  });
  keeper.look((error) => expect.unreachable(error.message));
  await expect.poll(answered).toEqual(['quick 0']);
});

it('asks a gate about everybody in turn, where it leaves some without an answer', async () => {
  const { keeper, answered } = await gatesOf({
    moody: { experiments: 20, answer: (response, which) => which >= 16 && approve(response) },
  });
  await expect
    .poll(() => {
      keeper.look((error) => expect.unreachable(error.message));
      return answered().filter((one) => !one.endsWith('unanswered'));
    })
    .toEqual(['moody 16', 'moody 17', 'moody 18', 'moody 19']);
});

function approve(response: ServerResponse): void {
  response.end(JSON.stringify({ answer: 'approve' }));
}

interface AGate {
  readonly experiments: number;
  /** Of its experiments the one with this index is asked about. */
  readonly answer: (response: ServerResponse, which: number) => unknown;
}

/** Gates behind one server, each of which many experiments wait for. */
async function gatesOf(gates: Readonly<Record<string, AGate>>) {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { data } = JSON.parse(body) as { readonly data: { readonly gate: string; readonly experiment: string } };
      gates[data.gate]!.answer(response, Number(data.experiment.split(' ')[1]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const open = new Map(
    Object.entries(gates).flatMap(([gate, { experiments }]) =>
      Array.from({ length: experiments }, (_, index) => {
        const experiment = `${gate} ${index}`;
        const state = { experiment, revision: 1, spec: { control: 'x', ramp: { stages: [] } } };
        return [experiment, { state, asked: { stage: 0, when: 'before', gate, askedAtMs: 0 } }] as const;
      }),
    ),
  );
  const heard: string[] = [];
  const decisions = {
    gatesToAsk: () => [...open.values()],
    gateSaid(experiment: string, { answer }: { readonly answer: string }) {
      if (answer === 'approve') open.delete(experiment);
      heard.push(answer === 'none' ? `${experiment} unanswered` : experiment);
      return Promise.resolve();
    },
  };
  const urls = new Map(Object.keys(gates).map((gate) => [gate, url]));
  const settings = { urls, secret: undefined, timeoutMs: 300, askAgainMs: 10, pageUrl: undefined };
  const options = { decisions, settings, clock: systemClock } as unknown as ConstructorParameters<typeof GateKeeper>[0];
  const keeper = new GateKeeper(options);
  closing.push(
    () => keeper.close(),
    () => server.closeAllConnections(),
    () => new Promise((resolve) => server.close(resolve)),
  );
  return { keeper, answered: () => heard.toSorted() };
}
