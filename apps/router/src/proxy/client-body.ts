import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';

/** Bodies up to this size are read before the upstream is asked: a prompt fits, a picture streams. */
export const LARGEST_REPEATABLE_BODY_BYTES = 64 * 1024;

/** What a client sends with its request. */
export interface SentBody {
  /** Whether another upstream can be asked after one had it. */
  readonly canBeSentAgain: boolean;
  /** Whether it is the client that has not sent what the upstream waits for. */
  readonly isAwaited: boolean;
  /**
   * Reads it, or begins to pass it on. `then` is not called when the client goes away before.
   * @param onProgress hears of each piece of a body that streams
   */
  give(then: (body: Buffer | PassThrough | null) => void, onProgress: () => void): void;
  /** What is sent in its place, also when another upstream is asked. */
  replace(body: Buffer): void;
  /** Nobody wants the rest of it. */
  abandon(): void;
  /** Nobody has wanted it: it is read away, so that the connection stays usable. */
  skip(): void;
}

/** A body that has come with its head. */
export class WholeBody implements SentBody {
  readonly canBeSentAgain = true;
  readonly isAwaited = false;

  /** @param read null: there is none */
  constructor(private read: Buffer | null) {}

  give(then: (body: Buffer | null) => void): void {
    then(this.read);
  }

  replace(body: Buffer): void {
    this.read = body;
  }

  /** There is nothing more to come. */
  abandon(): void {}

  skip(): void {}
}

/**
 * A body that comes as it comes. Small bodies are read first and can be sent again; others stream through, and what the upstream does not
 * want is read away, so that the client gets an early answer instead of a broken connection.
 */
export class ClientBody implements SentBody {
  private readonly kind: 'none' | 'small' | 'streamed';
  private read: Buffer | undefined;
  private upload: PassThrough | undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    /** The client sends it when it is told to (`Expect: 100-continue`). */
    private waitsToBeTold: boolean,
  ) {
    this.kind = kindOf(request);
  }

  get canBeSentAgain(): boolean {
    return this.kind !== 'streamed';
  }

  get isAwaited(): boolean {
    return !this.request.complete && this.upload?.writableNeedDrain !== true;
  }

  give(then: (body: Buffer | PassThrough | null) => void, onProgress: () => void): void {
    if (this.kind === 'none') return then(null);
    if (this.read) return then(this.read);
    if (this.waitsToBeTold) {
      this.waitsToBeTold = false;
      this.response.writeContinue();
    }
    if (this.kind === 'streamed') return then(this.stream(onProgress));
    const chunks: Buffer[] = [];
    this.request.on('data', (chunk: Buffer) => chunks.push(chunk));
    this.request.on('end', () => {
      this.read = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      then(this.read);
    });
  }

  replace(body: Buffer): void {
    this.read = body;
  }

  skip(): void {
    this.request.resume();
  }

  abandon(): void {
    if (this.upload) this.request.unpipe(this.upload);
    if (!this.request.complete && !this.waitsToBeTold) this.request.resume();
  }

  /** Its own stream: the client's would take the connection with it when the upstream ends before its end. */
  private stream(onProgress: () => void): PassThrough {
    const { request } = this;
    const upload = new PassThrough();
    this.upload = upload;
    upload.on('error', () => undefined);
    upload.on('close', () => this.abandon());
    request.on('data', onProgress);
    request.on('close', () => {
      if (!request.complete) upload.destroy(new Error('the client has gone'));
    });
    return request.pipe(upload);
  }
}

/** Whether it has a body of which the length is known, and small. */
export function hasSmallBody(request: Pick<IncomingMessage, 'headers'>): boolean {
  return kindOf(request) === 'small';
}

function kindOf({ headers }: Pick<IncomingMessage, 'headers'>): 'none' | 'small' | 'streamed' {
  const length = headers['content-length'];
  if (length === undefined) return headers['transfer-encoding'] === undefined ? 'none' : 'streamed';
  if (length === '0') return 'none';
  return Number(length) <= LARGEST_REPEATABLE_BODY_BYTES ? 'small' : 'streamed';
}
