import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DeliveryEvent } from '#libs/delivery';
import type { KnownState } from '../deciding/decision-log.js';
import { signatureHeaders } from './signed-post.js';
import { NOTICE_KINDS } from './notice.js';
import { notificationsOf } from './notifications-of.js';
import { readReceiver, toldApart, type Receiver } from './receivers.js';

const T0 = Date.parse('2026-11-20T10:00:00.000Z');
const webhook = readReceiver('https://hooks.example.com/team') as Receiver;
const slack = readReceiver('slack:https://hooks.slack.example.com/services/T0/secret') as Receiver;
const settings = { receivers: [webhook, slack], on: NOTICE_KINDS, pageUrl: 'https://page.example.com/' };
const after = {
  phase: 'quarantined',
  experiment: 'int8',
  reason: 'broken',
  pinned: { service: 'sdxl', revision: 2 },
} as unknown as KnownState;

const rolledBack = {
  type: 'rolled-back',
  atMs: T0,
  actor: 'controller',
  command: {
    message: 'error-rate of <candidate> & more',
    weightsPpm: { control: 1_000_000, candidate: 0 },
    evidence: {
      analysisId: 'a',
      metric: 'error-rate',
      candidate: 'candidate',
      lnE: 7.5,
      units: 420,
      analysedAt: new Date(T0).toISOString(),
      newestEventAt: null,
    },
  },
} as unknown as DeliveryEvent;
const contested: DeliveryEvent = {
  type: 'alert-raised',
  atMs: T0,
  actor: 'controller',
  alert: 'contested',
  message: 'two say different things',
};
const approved: DeliveryEvent = { type: 'approved', atMs: T0, actor: 'ana', stage: 1, note: 'looks good' };

describe('what receivers are told of decisions', () => {
  it('says what was decided, why and by which numbers, each event under one id', () => {
    const told = notificationsOf(settings, [rolledBack, contested], after);
    expect(told.map(({ receiver }) => receiver)).toEqual([webhook.name, slack.name, webhook.name, slack.name]);
    expect(told[0]!.notificationId).toBe(told[1]!.notificationId);
    expect(told[0]!.notificationId).not.toBe(told[2]!.notificationId);
    expect(JSON.parse(told[0]!.body)).toMatchObject({
      type: 'experiment.rolled-back',
      timestamp: '2026-11-20T10:00:00.000Z',
      data: {
        experiment: 'int8',
        service: 'sdxl',
        revision: 2,
        message: 'error-rate of <candidate> & more',
        numbers: { metric: 'error-rate', units: 420, lnE: 7.5 },
        weightsPpm: { control: 1_000_000 },
        link: 'https://page.example.com/experiments/int8',
      },
    });
    expect(JSON.parse(told[2]!.body)).toMatchObject({ data: { decision: 'contested', numbers: null } });
  });

  it('gives Slack text that neither mentions nor links anybody', () => {
    const { text, blocks } = JSON.parse(notificationsOf(settings, [rolledBack], after)[1]!.body);
    expect(text).toBe('int8 (sdxl): rolled back: error-rate of &lt;candidate&gt; &amp; more');
    const texts = [blocks[0].text, blocks[1].text, ...blocks[2].elements] as { readonly verbatim?: boolean }[];
    expect(texts.map(({ verbatim }) => verbatim)).toEqual([true, true, true]);
    expect(blocks[1].text.text).toBe('error-rate · 420 units · ln E 7.5');
    expect(blocks[2].elements[0].text).toContain('<https://page.example.com/experiments/int8|Open the page>');
  });

  it('gives Slack links of a template alone, not of what it is filled with', () => {
    const said = { ...rolledBack, command: { message: '<!here> see https://evil.example and evil.example' } };
    const text =
      'ci: https://ci.example/{{experiment}}?a={{revision}}. <{{link}}|here> {{message}}\n{{ link }}\n<!here>';
    const [, told] = notificationsOf({ ...settings, templates: { text } }, [said as DeliveryEvent], after);
    const { blocks } = JSON.parse(told!.body);
    expect(blocks).toEqual([{ type: 'section', text: { type: 'mrkdwn', verbatim: true, text: expect.any(String) } }]);
    expect(blocks[0].text.text.split('\n').slice(1)).toEqual([
      'ci: <https://ci.example/int8?a=2>. <https://page.example.com/experiments/int8|here> &lt;!here&gt; see https://evil.example and evil.example',
      '<https://page.example.com/experiments/int8>',
      '<!here>',
    ]);
    const nowhere = { ...settings, pageUrl: undefined, templates: { text: '{{link}}\nx' } };
    expect(JSON.parse(notificationsOf(nowhere, [rolledBack], after)[1]!.body).blocks[0].text.text).toMatch(/\*\nx$/);
  });

  it.each([
    ['escapes', '&<&> '.repeat(400), undefined],
    ['a template around fields', 'a'.repeat(2_000), { text: '{{message}}\n{{message}}' }],
    ['pairs of surrogates', '🎨'.repeat(2_000), { text: `x${'🎨'.repeat(1_000)}{{message}}` }],
    ['a long template with links', '', { text: `<https://ci.example/${'a'.repeat(40)}|ci> `.repeat(60) }],
  ])('gives Slack no text that is too long for it, nor halves of anything: %s', (_what, message, templates) => {
    const said = { ...rolledBack, command: { message } } as DeliveryEvent;
    const [, told] = notificationsOf({ ...settings, ...(templates && { templates }) }, [said], after);
    const { blocks } = JSON.parse(told!.body) as { readonly blocks: readonly { readonly text?: { text: string } }[] };
    const [{ text = { text: '' } } = {}] = blocks;
    expect(text.text.length).toBeGreaterThan(2_900);
    expect(text.text.length).toBeLessThanOrEqual(3_000);
    expect(text.text).toMatch(/(?:&(?:amp|lt|gt);|>|[^&<]) ?…$/u);
    expect(text.text).not.toMatch(/\p{Cs}/u);
    expect(text.text.lastIndexOf('<')).toBeLessThanOrEqual(text.text.lastIndexOf('>'));
  });

  it('leaves out what nobody wants to be told', () => {
    expect(notificationsOf({ ...settings, on: ['held', 'approved'] }, [rolledBack, approved], after)).toHaveLength(2);
    expect(notificationsOf({ ...settings, receivers: [] }, [rolledBack], after)).toEqual([]);
  });
});

describe('a receiver', () => {
  it('has a name without the secret in its address', () => {
    expect(slack).toMatchObject({ form: 'slack', url: 'https://hooks.slack.example.com/services/T0/secret' });
    expect(slack.name).toMatch(/^hooks\.slack\.example\.com#[0-9a-f]{8}$/);
  });

  it('has a queue of its own beside another kind of receiver at the same address, and keeps its name where it is alone', () => {
    const hook = readReceiver('https://chat.example/hook') as Receiver;
    const channel = readReceiver('slack:https://chat.example/hook') as Receiver;
    expect(toldApart([hook, channel, slack]).map(({ name }) => name)).toEqual([
      hook.name,
      `slack:${hook.name}`,
      slack.name,
    ]);
    expect(toldApart([channel])).toEqual([channel]);
  });

  it.each(['ftp://a.example/x', 'file:///etc/passwd', 'hooks', 'https://user:word@a.example/x'])(
    'is refused: %s',
    (text) => {
      const problem = readReceiver(text);
      expect(problem).toMatch(/expected/);
      expect(problem).not.toContain('word@');
    },
  );
});

it('a body is signed with its id and its second', () => {
  const key = Buffer.from('012345678901234567890123');
  const secret = `whsec_${key.toString('base64')}`;
  const signed = signatureHeaders({ id: 'msg_1', body: '{}', secret, atMs: 1_614_265_330_999 });
  expect(signed).toEqual({
    'webhook-id': 'msg_1',
    'webhook-timestamp': '1614265330',
    'webhook-signature': `v1,${createHmac('sha256', key).update('msg_1.1614265330.{}').digest('base64')}`,
  });
});
