import { buildConnector } from 'undici';
import { UpstreamConnection } from './upstream-connection.js';
import { ClientStalledError, type AnswerControl, type AnswerReader, type UpstreamRequest } from './upstream-request.js';

export interface PoolLimits {
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

const SWEEP_EVERY_MS = 1_000;
/** A client that has taken nothing for so long gives its connection up where somebody waits for one. */
const STALLED_AFTER_MS = 1_000;
const RELIEF_EVERY_MS = 250;

/** The connections to one upstream, and the line of those who wait for one. */
export class UpstreamPool {
  private readonly all = new Set<UpstreamConnection>();
  private idle: UpstreamConnection[] = [];
  private freed: UpstreamConnection[] = [];
  private line: Asked[] = [];
  private opening = 0;
  private sweeping: NodeJS.Timeout | undefined;
  /** Those whose clients do not read now, the longest first. */
  private readonly paused = new Set<Asked>();
  private relieving: NodeJS.Timeout | undefined;
  private isClosed = false;
  private readonly connect: buildConnector.connector;
  private readonly address: buildConnector.Options;
  private readonly host: string;

  private readonly events: AskedEvents = {
    onLeave: (asked) => {
      const at = this.line.indexOf(asked);
      if (at !== -1) this.line.splice(at, 1);
    },
    onPause: (asked) => void this.paused.add(asked),
    onResume: (asked) => void this.paused.delete(asked),
  };

  constructor(
    origin: string,
    private readonly limits: PoolLimits,
  ) {
    const { protocol, hostname, host, port } = new URL(origin);
    this.host = host;
    const plain = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    this.address = { protocol, hostname: plain, host, port };
    this.connect = buildConnector({ timeout: limits.connectTimeoutMs });
  }

  /** Sends a request over a free connection, a new one, or the next that is free. `reader.onStart` is called before this returns. */
  ask(request: UpstreamRequest, reader: AnswerReader): void {
    const asked = new Asked(request, reader, this.events);
    reader.onStart(asked);
    if (asked.isOver) return;
    const connection = this.takeIdle();
    if (connection) return asked.sendOver(connection);
    this.line.push(asked);
    this.open();
    this.relieving ??= setInterval(() => this.relieve(), RELIEF_EVERY_MS).unref();
  }

  /** Whether clients that do not read hold connections now. */
  get isHeldByClients(): boolean {
    return this.paused.size > 0;
  }

  /** Ends every connection, and fails what is under way. */
  destroy(): void {
    this.isClosed = true;
    clearInterval(this.sweeping);
    clearInterval(this.relieving);
    const error = new Error('the router is shutting down');
    for (const asked of this.line.splice(0)) asked.fail(error);
    for (const connection of this.all) connection.destroy(error);
  }

  private takeIdle(): UpstreamConnection | undefined {
    const nowMs = performance.now();
    for (let found = this.idle.pop(); found; found = this.idle.pop()) {
      if (found.isUsable && nowMs < found.idleUntilMs) return found;
      found.destroy();
    }
    return undefined;
  }

  private open(): void {
    if (this.isClosed || this.opening >= this.line.length) return;
    if (this.all.size + this.opening >= this.limits.connections) return;
    this.opening += 1;
    this.connect(this.address, (error, socket) => {
      this.opening -= 1;
      if (socket) this.opened(socket);
      // Each attempt that fails is that of one request, the one that has waited longest.
      else this.line.shift()?.fail(error as Error);
      this.open();
    });
  }

  private opened(socket: NonNullable<Parameters<buildConnector.Callback>[1]>): void {
    const connection = new UpstreamConnection(socket, this.host, {
      onFree: (freed) => this.free(freed),
      onGone: (gone) => {
        this.all.delete(gone);
        this.open();
      },
    });
    this.all.add(connection);
    if (this.isClosed) return connection.destroy();
    this.use(connection);
  }

  /** Those that close although they said they would not do so at once: a connection is used again in the next turn of the event loop. */
  private free(connection: UpstreamConnection): void {
    if (this.freed.push(connection) > 1) return;
    setImmediate(() => {
      const { freed } = this;
      this.freed = [];
      for (const one of freed) this.use(one);
    });
  }

  private use(connection: UpstreamConnection): void {
    if (!connection.isUsable) return connection.destroy();
    const next = this.line.shift();
    if (next) return next.sendOver(connection);
    this.idle.push(connection);
    this.sweeping ??= setInterval(() => this.sweep(), SWEEP_EVERY_MS).unref();
  }

  private sweep(): void {
    const nowMs = performance.now();
    const [kept, old] = [[] as UpstreamConnection[], [] as UpstreamConnection[]];
    for (const connection of this.idle) (nowMs < connection.idleUntilMs ? kept : old).push(connection);
    this.idle = kept;
    for (const connection of old) connection.destroy();
    if (kept.length > 0) return;
    clearInterval(this.sweeping);
    this.sweeping = undefined;
  }

  /** Nobody waits for long because others do not read. */
  private relieve(): void {
    const untilMs = performance.now() - STALLED_AFTER_MS;
    let needed = this.line.length;
    for (const asked of this.paused) {
      if (needed === 0 || asked.pausedAtMs > untilMs) break;
      needed -= 1;
      asked.abort(new ClientStalledError('the client does not read'));
    }
    if (this.line.length > 0) return;
    clearInterval(this.relieving);
    this.relieving = undefined;
  }
}

interface AskedEvents {
  /** It waits no more. */
  readonly onLeave: (asked: Asked) => void;
  readonly onPause: (asked: Asked) => void;
  /** Its client reads again, or it has ended. */
  readonly onResume: (asked: Asked) => void;
}

/** A request in line, or under way. */
class Asked implements AnswerControl {
  isOver = false;
  pausedAtMs = 0;
  private isPaused = false;
  private connection: UpstreamConnection | undefined;

  constructor(
    private readonly request: UpstreamRequest,
    private readonly reader: AnswerReader,
    private readonly events: AskedEvents,
  ) {}

  sendOver(connection: UpstreamConnection): void {
    this.connection = connection;
    this.reader.onSent();
    connection.send(this.request, this.reader, () => this.flows());
  }

  pause(): void {
    if (this.isPaused || !this.own()) return;
    this.isPaused = true;
    this.pausedAtMs = performance.now();
    this.own()?.pause();
    this.events.onPause(this);
  }

  resume(): void {
    this.flows();
    this.own()?.resume();
  }

  abort(error: Error): void {
    if (this.connection) return this.own()?.destroy(error);
    this.events.onLeave(this);
    this.fail(error);
  }

  fail(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.reader.onFail(error);
  }

  private flows(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.events.onResume(this);
  }

  /** Its connection, while that carries no other request. */
  private own(): UpstreamConnection | undefined {
    return this.connection?.carries(this.reader) ? this.connection : undefined;
  }
}
