import type { ServerResponse } from 'node:http';

/** Streams at a time; each is a connection that stays open. */
const MOST_STREAMS = 1_000;
/** Many orders come in a row; clients ask again once. */
const TOGETHER_MS = 20;
/** Proxies close what is silent for a minute. */
const SIGN_OF_LIFE_EVERY_MS = 25_000;
/** A client that reads nothing is let go: it asks again when it is back. */
const MOST_UNREAD_BYTES = 16 * 1024;

/** Tells clients that keep flags that there is something new to ask for (server-sent events, OFREP's `refetchEvaluation`). */
export class ChangeStreams {
  private readonly streams = new Set<ServerResponse>();
  private readonly begun = Date.now();
  private changes = 0;
  private changedAtMs = Date.now();
  private pending: NodeJS.Timeout | undefined;
  private living: NodeJS.Timeout | undefined;

  get size(): number {
    return this.streams.size;
  }

  /**
   * Who knows of the newest change hears of the next one; everybody else is told at once. A client asks for flags first and listens then, and one whose stream breaks
   * says which event it has had only where it has had one: without the first event, what changes in between would reach neither, and they ask for nothing by themselves.
   * @param lastId of the last event that the client has had, if it was here before
   * @returns false where there are too many
   */
  open(response: ServerResponse, lastId: string | undefined, headers: Readonly<Record<string, string>>): boolean {
    if (this.streams.size >= MOST_STREAMS) return false;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
    response.write(lastId === this.id ? ': connected\n\n' : this.event());
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    this.living ??= setInterval(() => this.send(': alive\n\n'), SIGN_OF_LIFE_EVERY_MS).unref();
    return true;
  }

  /** What is evaluated may be another now. */
  changed(): void {
    this.pending ??= setTimeout(() => {
      this.pending = undefined;
      this.changes += 1;
      this.changedAtMs = Date.now();
      this.send(this.event());
    }, TOGETHER_MS);
  }

  close(): void {
    clearTimeout(this.pending);
    clearInterval(this.living);
    for (const stream of this.streams) stream.end();
  }

  private send(text: string): void {
    for (const stream of this.streams) {
      if (stream.writableLength > MOST_UNREAD_BYTES) stream.destroy();
      else stream.write(text);
    }
  }

  /** Of the newest change; another router, or this one after a restart, has others. */
  private get id(): string {
    return `${this.begun}-${this.changes}`;
  }

  private event(): string {
    const { id } = this;
    const data = { type: 'refetchEvaluation', etag: id, lastModified: Math.floor(this.changedAtMs / 1000) };
    return `id: ${id}\nevent: message\ndata: ${JSON.stringify(data)}\n\n`;
  }
}
