import type { Readable } from 'node:stream';
import type { AnswerSink } from './answer-parser.js';

/** A request for an upstream. Its length, its host and its framing are told by whoever sends it. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value …; without what concerns the connection. */
  readonly headers: readonly string[];
  readonly body: Buffer | UpstreamUpload | null;
}

/** A body that comes while it is sent. */
export interface UpstreamUpload {
  readonly stream: Readable;
  /** As the client said it; undefined: it ends when it ends. */
  readonly length: string | undefined;
}

/** The client took nothing of the answer for a while, and others waited for the connection. */
export class ClientStalledError extends Error {
  override readonly name = 'ClientStalledError';
}

/** What can be done about a request under way. */
export interface AnswerControl {
  /** Reads no more of the answer for now, because the client does not; who does so for long is given up where others wait for the connection. */
  pause(): void;
  resume(): void;
  /** Gives the request up; `onFail` hears of it. */
  abort(error: Error): void;
}

/** Hears how a request went: {@link AnswerSink}, and one of `onEnd` and `onFail` at last. */
export interface AnswerReader extends AnswerSink {
  /** Before anything else. */
  onStart(control: AnswerControl): void;
  /** It has left the line: from here on it is the upstream that takes its time. */
  onSent(): void;
  onFail(error: Error): void;
}
