import { createHash } from 'node:crypto';
import { isMailbox } from './email/mail-server.js';

/** Who is told of decisions. */
export type Receiver = PostedReceiver | MailedReceiver;

interface Named {
  /** The host and a digest of the address, which is a secret for some receivers: for logs, metrics and the database, see also {@link toldApart}. */
  readonly name: string;
}

export interface PostedReceiver extends Named {
  readonly form: 'webhook' | 'slack';
  readonly url: string;
}

export interface MailedReceiver extends Named {
  readonly form: 'email';
  readonly address: string;
}

const SLACK = 'slack:';

/**
 * @param text an address, with `slack:` in front where Slack's form of a body is expected
 * @returns the receiver, or what is wrong with the text, without repeating it.
 */
export function readReceiver(text: string): PostedReceiver | string {
  const form = text.startsWith(SLACK) ? 'slack' : 'webhook';
  const url = URL.parse(form === 'slack' ? text.slice(SLACK.length) : text);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return 'expected addresses such as https://example.com/hook or slack:https://hooks.slack.com/services/…';
  if (url.username !== '' || url.password !== '') return `${url.host}: expected an address without a user or password`;
  return { name: nameOf(url.host, url.href), url: url.href, form };
}

/** @returns who reads mail at an address, or what is wrong with the text. */
export function readMailbox(text: string): MailedReceiver | string {
  if (!isMailbox(text)) return 'expected addresses such as team@example.com, of letters, digits and the usual signs';
  return { name: nameOf(text.slice(text.lastIndexOf('@')), text), address: text, form: 'email' };
}

/**
 * Receivers by whose names their notifications are told apart: a webhook and a Slack channel of one address are two. The channel's name stays as it was where it
 * is alone, since what has not been delivered yet is kept under it.
 */
export function toldApart(receivers: readonly Receiver[]): readonly Receiver[] {
  const webhooks = new Set(receivers.filter(({ form }) => form === 'webhook').map(({ name }) => name));
  return receivers.map((one) =>
    one.form === 'slack' && webhooks.has(one.name) ? { ...one, name: `${SLACK}${one.name}` } : one,
  );
}

function nameOf(host: string, address: string): string {
  return `${host}#${createHash('sha256').update(address).digest('hex').slice(0, 8)}`;
}
