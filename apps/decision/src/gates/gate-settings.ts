import { slug } from '#libs/contracts';
import { readReceiver } from '../notifying/receivers.js';

/** Whom the ramp may have to wait for, and how they are asked. */
export interface GateSettings {
  /** Addresses by name; files name gates, and choose no address. */
  readonly urls: ReadonlyMap<string, string>;
  /** `whsec_…`, with which what is asked is signed. */
  readonly secret: string | undefined;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Pause after "wait", and the longest after failed attempts. */
  readonly askAgainMs: number;
  /** Where people read the page; without it what is asked has no link. */
  readonly pageUrl: string | undefined;
}

const WRITTEN = /^([^=]*)=(.+)$/;

/** @returns name and address of "load-test=https://…", or what is wrong with the text, without repeating it. */
export function readGate(text: string): readonly [name: string, url: string] | string {
  const [, name, address] = WRITTEN.exec(text) ?? [];
  if (!slug.safeParse(name).success || address === undefined)
    return 'expected names with addresses, such as load-test=https://ci.example.com/gate';
  const read = readReceiver(address);
  if (typeof read === 'string') return `${name}: ${read}`;
  return read.form === 'webhook' ? [name, read.url] : `${name}: expected an address that answers: https://…`;
}
