import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '#libs/platform';
import { GateKeeper } from './gate-keeper.js';

afterEach(() => vi.restoreAllMocks());

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
