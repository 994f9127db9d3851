import type { WholeHead } from '../lane/whole-head.js';

/** Which flags are asked for. */
export interface AskedFlags {
  /** undefined: all of them. */
  readonly key: string | undefined;
  /** The tags that the client has kept; undefined: none. */
  readonly ifNoneMatch: string | undefined;
}

const PATH = /^\/ofrep\/v1\/evaluate\/flags(?:\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?))?$/;
/** What changes how the body is read, or who is answered what. */
const UNUSUAL = ['content-encoding', 'teststrip-override', 'teststrip-override-token'];

/** @returns undefined where no flags are asked for, or not in the usual way */
export function askedFlagsIn({ method, url, headers, bodyBytes }: WholeHead): AskedFlags | undefined {
  const path = method === 'POST' && bodyBytes !== undefined ? PATH.exec(url) : null;
  if (!path || UNUSUAL.some((name) => headers[name] !== undefined)) return undefined;
  return { key: path[1], ifNoneMatch: headers['if-none-match'] };
}
