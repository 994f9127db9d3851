/** Which flags are asked for. */
export interface AskedFlags {
  /** undefined: all of them. */
  readonly key: string | undefined;
  /** The tags that the client has kept; undefined: none. */
  readonly ifNoneMatch: string | undefined;
}

/** What a head says of the request behind it. */
export interface FlagHead extends AskedFlags {
  readonly bodyBytes: number;
}

const REQUEST_LINE = /^POST \/ofrep\/v1\/evaluate\/flags(?:\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?))? HTTP\/1\.1$/;
const FIELD = /^([A-Za-z0-9-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/;
const PLAIN_HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;
const LENGTH = /^(?:0|[1-9]\d{0,4})$/;

/** What changes how a request is read, kept open, or answered. */
const UNUSUAL = new Set([
  'transfer-encoding',
  'content-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'proxy-connection',
  'teststrip-override',
  'teststrip-override-token',
]);

/**
 * Reads a head that can be read in one way only: names and values of visible ASCII, each name once, nothing that changes how it is read or what is answered.
 * @returns undefined for everything else, be it right or wrong: who knows all of HTTP reads it
 */
export function readFlagHead(head: string): FlagHead | undefined {
  const [first = '', ...fields] = head.split('\r\n');
  const line = REQUEST_LINE.exec(first);
  const said = line && readFields(fields);
  const [host, length] = [said?.get('host'), said?.get('content-length')];
  if (!line || host === undefined || !PLAIN_HOST.test(host) || length === undefined || !LENGTH.test(length))
    return undefined;
  return { key: line[1], bodyBytes: Number(length), ifNoneMatch: said?.get('if-none-match') };
}

/** By name, what stands there once; undefined where something is unusual. */
function readFields(fields: readonly string[]): ReadonlyMap<string, string> | undefined {
  const said = new Map<string, string>();
  for (const field of fields) {
    const [, written = '', value = ''] = FIELD.exec(field) ?? [];
    const name = written.toLowerCase();
    if (name === '' || UNUSUAL.has(name) || said.has(name)) return undefined;
    if (name === 'connection' && value.toLowerCase() !== 'keep-alive') return undefined;
    said.set(name, value);
  }
  return said;
}
