import { createHash } from 'node:crypto';

/** Who is told of decisions. */
export interface Receiver {
  /** The host and a digest of the address, which is a secret for some receivers: for logs, metrics and the database. */
  readonly name: string;
  readonly url: string;
  readonly form: 'webhook' | 'slack';
}

const SLACK = 'slack:';

/**
 * @param text an address, with `slack:` in front where Slack's form of a body is expected
 * @returns the receiver, or what is wrong with the text, without repeating it.
 */
export function readReceiver(text: string): Receiver | string {
  const form = text.startsWith(SLACK) ? 'slack' : 'webhook';
  const url = URL.parse(form === 'slack' ? text.slice(SLACK.length) : text);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return 'expected addresses such as https://example.com/hook or slack:https://hooks.slack.com/services/…';
  if (url.username !== '' || url.password !== '') return `${url.host}: expected an address without a user or password`;
  const digest = createHash('sha256').update(url.href).digest('hex').slice(0, 8);
  return { name: `${url.host}#${digest}`, url: url.href, form };
}
