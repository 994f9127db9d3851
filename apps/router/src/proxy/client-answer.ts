import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { PlainAnswer } from '#libs/platform';

/** What a client asks for, without its body: as Node.js's server reads it, or as the lane of requests that come whole does. */
export type IncomingRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders' | 'httpVersion'> & {
  readonly socket: Pick<Socket, 'remoteAddress'>;
};

/** As much of Node.js's `ServerResponse` as an answer to a client needs; each member means what it means there. */
export interface ClientAnswer extends PlainAnswer {
  readonly writableEnded: boolean;
  /** Known once the head is written. */
  readonly chunkedEncoding: boolean;
  readonly socket: Pick<Socket, 'resetAndDestroy'> | null;
  writeHead(status: number, headers: string[]): unknown;
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown;
  /** @param hints what `areEarlyLinks` has found to be such */
  writeEarlyHints(hints: { readonly link: string | string[] }): void;
  flushHeaders(): void;
  /** @returns whether more may come at once; false: `drain` follows */
  write(chunk: Buffer): boolean;
  addTrailers(trailers: readonly [name: string, value: string][]): void;
  /** @param sent called when all of it is with the operating system */
  end(last?: Buffer | string, sent?: () => void): unknown;
  /** Ends the connection. */
  destroy(): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}
