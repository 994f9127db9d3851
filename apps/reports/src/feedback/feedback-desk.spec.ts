import { describe, expect, it } from 'vitest';
import type { NewEvent } from '#libs/messaging';
import { feedbackTokens } from '#libs/platform';
import { FeedbackDesk } from './feedback-desk.js';
import { FeedbackLimits } from './feedback-limits.js';

const tokens = feedbackTokens('a key of sixteen letters');
const assignment = null;

function aDesk(options: { readonly isOpen?: boolean; readonly perMinute?: number } = {}) {
  let nowMs = 0;
  let looked = 0;
  const published: NewEvent[] = [];
  const clock = { nowMs: () => nowMs };
  const desk = new FeedbackDesk({
    facts: {
      request: async (requestId) => {
        looked += 1;
        return { requestId, service: 'text-to-image', assignment };
      },
    },
    publisher: { publish: async (events) => void published.push(...events) },
    clock,
    tokens: options.isOpen ? undefined : tokens,
    limits: new FeedbackLimits(options.perMinute ?? 1_000, clock.nowMs),
  });
  const give = (requestId: string, token?: string, address = '192.0.2.1') =>
    desk.take({ requestId, kind: 'thumb-down', ...(token === undefined ? {} : { token }) }, { address });
  return { give, published, looked: () => looked, pass: (ms: number) => (nowMs += ms) };
}

describe('feedback', () => {
  it('counts from whoever was given the answer, and from nobody who only knows the id of the request', async () => {
    const { give, published, looked } = aDesk();
    for (const token of [undefined, '', 'x'.repeat(22), tokens.of('request-2')])
      await expect(give('request-1', token)).rejects.toMatchObject({ status: 403 });
    expect([published.length, looked()]).toEqual([0, 0]);
    await give('request-1', tokens.of('request-1'));
    expect(published).toMatchObject([{ data: { requestId: 'request-1', kind: 'thumb-down' } }]);
    expect(JSON.stringify(published)).not.toContain(tokens.of('request-1'));
  });

  it('needs no token where it is open', async () => {
    const { give, published } = aDesk({ isOpen: true });
    await give('request-1');
    expect(published).toHaveLength(1);
  });

  it('is limited by client, whatever it says, and by request, whoever says it', async () => {
    const { give, pass } = aDesk({ perMinute: 3 });
    for (let time = 0; time < 3; time += 1) await give(`request-${time}`, 'wrong').catch(() => undefined);
    await expect(give('request-3', tokens.of('request-3'))).rejects.toMatchObject({ status: 429 });
    await give('request-3', tokens.of('request-3'), '192.0.2.2');
    pass(60_000);
    await give('request-3', tokens.of('request-3'));
    for (let time = 2; time < 50; time += 1) await give('request-3', tokens.of('request-3'), `192.0.3.${time}`);
    await expect(give('request-3', tokens.of('request-3'), '192.0.4.1')).rejects.toMatchObject({ status: 429 });
    await give('request-4', tokens.of('request-4'), '192.0.4.1');
  });
});
