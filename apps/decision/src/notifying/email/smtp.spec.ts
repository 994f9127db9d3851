import { afterEach, describe, expect, it } from 'vitest';
import { aMailServer, type Misbehaviour, type TestMailServer } from '#libs/testing/mail';
import { mailMessage } from './mail-message.js';
import { isMailbox, readMailServer, type MailServer } from './mail-server.js';
import { handOver } from './smtp.js';

const running: TestMailServer[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

async function theServer(options: Parameters<typeof aMailServer>[0] = {}): Promise<TestMailServer> {
  const server = await aMailServer(options);
  running.push(server);
  return server;
}

const LOGIN = { user: 'tess', password: 'sécret:1' };
const at = ({ port, certificate }: TestMailServer, more: Partial<MailServer> = {}): MailServer => ({
  host: 'localhost',
  port,
  security: 'starttls',
  ca: certificate,
  login: undefined,
  ...more,
});
const message = mailMessage({
  from: 'teststrip@example.com',
  to: 'team@example.com',
  subject: 'sdxl-int8: rolled back – 3 % of “a\r\nBcc: x@example.com” fail',
  text: '.a line that begins with a dot\n…and 3 % more',
  id: 'msg_1',
  thread: 'sdxl-int8.1',
  atMs: Date.parse('2026-11-20T10:00:00Z'),
});
const MAIL = { from: 'teststrip@example.com', to: 'team@example.com', message };
const hand = (server: MailServer): Promise<void> => handOver(server, MAIL, AbortSignal.timeout(5_000));
const misbehaving = (moment: string, how: Misbehaviour) =>
  theServer({ misbehave: (now) => (now === moment ? how : undefined) });

describe('a mail', () => {
  it('is encrypted before anything of it is said, with the password', async () => {
    const server = await theServer();
    await hand(at(server, { login: LOGIN }));
    expect(server.taken).toEqual([
      {
        from: 'teststrip@example.com',
        to: 'team@example.com',
        message: `${message}\r\n`,
        isEncrypted: true,
        login: '\0tess\0sécret:1',
      },
    ]);
    expect(server.saidInTheClear).toEqual([expect.stringMatching(/^EHLO \[/), 'STARTTLS']);
  });

  it('goes in the clear only where that is configured', async () => {
    const server = await theServer({ offersTls: false });
    await hand(at(server, { security: 'none' }));
    expect(server.taken).toHaveLength(1);
    await expect(hand(at(server, { login: LOGIN }))).rejects.toThrow('offers no STARTTLS');
    expect(server.taken).toHaveLength(1);
    expect(server.saidInTheClear.join('\n')).not.toContain('AUTH');
  });

  it('is not given to a server with a certificate that nobody vouches for', async () => {
    const server = await theServer();
    await expect(hand(at(server, { ca: undefined, login: LOGIN }))).rejects.toThrow(/self-signed/);
    await expect(hand(at(server, { host: '127.0.0.1' }))).resolves.toBeUndefined();
    expect(server.taken).toHaveLength(1);
  });

  it.each([
    ['greeting', { say: '421 too busy' }, false, '“421 too busy” to the greeting'],
    ['recipient', { say: '450 later' }, false, '“450 later” to RCPT TO:<team@example.com>'],
    ['recipient', { say: '550 no such mailbox' }, true, '“550 no such mailbox” to RCPT TO'],
    ['mail', { say: '554-spam\r\n554 and no more' }, true, '“554 spam and no more” to the mail'],
    ['mail', 'drop', false, 'closed the connection'],
    ['greeting', { say: 'HTTP/1.1 400 Bad Request' }, false, 'no mail server'],
  ] as const)('that is refused at the %s is not delivered: %j', async (moment, how, isFinal, words) => {
    const server = await misbehaving(moment, how);
    await expect(hand(at(server))).rejects.toMatchObject({
      name: 'NotDeliveredError',
      isFinal,
      message: expect.stringContaining(words),
    });
  });

  it('is given up in time where the server says nothing', async () => {
    const server = await misbehaving('mail', 'stall');
    const ending = new AbortController();
    setTimeout(() => ending.abort(new Error('no answer within 100 ms')), 100);
    await expect(handOver(at(server), MAIL, ending.signal)).rejects.toThrow('no answer within 100 ms');
  });

  it('is ASCII, with a subject in which no header begins, and its text whole', () => {
    const [head, body] = message.split('\r\n\r\n') as [string, string];
    expect(message).toMatch(/^[\x20-\x7e\r\n]*$/);
    expect(head.split('\r\n').every((line) => line.length <= 78)).toBe(true);
    expect(head).not.toMatch(/^Bcc/m);
    const subject = [...head.matchAll(/=\?utf-8\?B\?([^?]*)\?=/g)].map(([, word]) => Buffer.from(word!, 'base64'));
    expect(Buffer.concat(subject).toString()).toContain('rolled back – 3 % of “a');
    expect(Buffer.from(body, 'base64').toString()).toBe('.a line that begins with a dot\r\n…and 3 % more');
    expect(head).toContain('Date: Fri, 20 Nov 2026 10:00:00 +0000');
    expect(head).toContain('Message-ID: <msg_1@example.com>');
  });
});

describe('a mail server', () => {
  it('is read from an address', () => {
    const common = { ca: undefined, login: undefined };
    expect(readMailServer('smtp://mail.example.com')).toEqual({
      ...common,
      host: 'mail.example.com',
      port: 587,
      security: 'starttls',
    });
    expect(readMailServer('smtps://tess:s%C3%A9cret%3A1@mail.example.com')).toMatchObject({
      port: 465,
      security: 'tls',
      login: LOGIN,
    });
    expect(readMailServer('smtp://localhost:25?tls=off')).toMatchObject({ port: 25, security: 'none' });
  });

  it.each([
    'mail.example.com',
    'https://mail.example.com',
    'smtp://u:secret@h?tls=off',
    'smtp://h?tls=no',
    'smtp://h?ca=/no',
  ])('is refused without its password: %s', (text) => {
    const problem = readMailServer(text);
    expect(typeof problem).toBe('string');
    expect(problem).not.toContain('secret');
  });

  it.each([
    ['team@example.com', true],
    ['a.b+c@mail.example.com', true],
    ['team', false],
    ['team@example.com\r\nRCPT TO:<x@y>', false],
    ['<team@example.com>', false],
    ['ünal@example.com', false],
  ])('takes mailboxes as they are: %s', (text, expected) => {
    expect(isMailbox(text)).toBe(expected);
  });
});
