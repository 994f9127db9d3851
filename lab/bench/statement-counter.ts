/** Frontend messages of Postgres that wait for an answer: a simple query, and the end of an extended one. */
const QUERY = 0x51;
const SYNC = 0x53;
const PARSE = 0x50;
const BIND = 0x42;
const STARTUP_HEADER = 8;

/** What one connection of a client asks, told by the bytes it sends. */
export class StatementReader {
  private rest: Buffer = Buffer.alloc(0);
  private isStarted = false;
  private application = '';
  private readonly prepared = new Map<string, string>();
  private statement = '';

  /** @param onRoundTrip hears of every message that is waited for: whose, and its statement's first words */
  constructor(private readonly onRoundTrip: (application: string, statement: string) => void) {}

  read(bytes: Buffer): void {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    for (let length = this.nextLength(); length !== undefined; length = this.nextLength()) {
      const message = this.rest.subarray(0, length);
      this.rest = this.rest.subarray(length);
      if (this.isStarted) this.take(message);
      else this.start(message);
    }
  }

  /** Bytes of the next message, where all of it is there. */
  private nextLength(): number | undefined {
    const at = this.isStarted ? 1 : 0;
    if (this.rest.length < at + 4) return undefined;
    const length = at + this.rest.readUInt32BE(at);
    return this.rest.length < length ? undefined : length;
  }

  private start(message: Buffer): void {
    const parameters = message.toString('utf8', STARTUP_HEADER).split('\0');
    this.application = parameters[parameters.indexOf('application_name') + 1] ?? '';
    this.isStarted = true;
  }

  private take(message: Buffer): void {
    switch (message[0]) {
      case PARSE: {
        const [name = '', sql = ''] = message.toString('utf8', 5).split('\0');
        this.statement = sql;
        this.prepared.set(name, sql);
        return;
      }
      case BIND: {
        const [, name = ''] = message.toString('latin1', 5).split('\0', 2);
        this.statement = this.prepared.get(name) ?? name;
        return;
      }
      case QUERY:
        return this.onRoundTrip(this.application, firstWords(message.toString('utf8', 5, message.length - 1)));
      case SYNC:
        return this.onRoundTrip(this.application, firstWords(this.statement));
      default:
    }
  }
}

function firstWords(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim().slice(0, 100);
}
