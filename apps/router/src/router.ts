import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import {
  eventSource,
  MILLION,
  topics,
  type AllocationCommanded,
  type SlotOrder,
  type TeststripEvent,
} from '#libs/contracts';
import { LogFollower, type BusClient, type OrderTrust } from '#libs/messaging';
import {
  ClientLimit,
  limitRest,
  listen,
  NOTHING_TO_GIVE_BACK,
  sendJson,
  sendProblem,
  type HealthFinding,
  TrustedProxies,
} from '#libs/platform';
import { createEventBuffer, type EventBuffer } from '#libs/telemetry';
import { OpenRequests } from './proxy/open-requests.js';
import { createProxy, type Proxy } from './proxy/proxy.js';
import type { RoutedRequest } from './proxy/routed-request.js';
import { addressOf } from './proxy/public-address.js';
import type { Evaluated } from './flags/evaluate-flag.js';
import { ClientLane, type WholeRequest } from './lane/client-lane.js';
import type { WholeAnswer } from './lane/whole-answer.js';
import { FlagServer, isFlagStream, OPEN_TO_PAGES } from './flags/flag-server.js';
import { StateServer } from './flags/state-server.js';
import { closeWithConnection } from './proxy/answers-in-line.js';
import { answerUnreadable, noteNewestAnswer, whenAnswered } from './proxy/answers-in-turn.js';
import type { IncomingRequest } from './proxy/client-answer.js';
import { ClientBody, WholeBody } from './proxy/client-body.js';
import { faultOf } from './proxy/request-fault.js';
import { UnitCookie } from './proxy/unit-cookie.js';
import { isHandshake, refuseUpgrade } from './proxy/upgrade.js';
import { UpstreamLanes } from './proxy/upstream-lanes.js';
import { UpstreamTroubles } from './proxy/upstream-troubles.js';
import { overrideCheck } from './override-tokens.js';
import { createRouterMetrics, type RouterMetrics } from './router-metrics.js';
import { allocationAppliedEvent, exposureEvent, requestRoutedEvent, routerHeartbeatEvent } from './router-events.js';
import { answerSpan, requestSpan } from './router-spans.js';
import { withDefaults, type RouterOptions, type RouterSettings } from './router-options.js';
import { Allocations } from './routing/allocations.js';
import { ControllerWatch } from './routing/controller-watch.js';
import type { CommandOutcome } from './routing/experiment-state.js';
import { LastKnownGoodFile } from './routing/last-known-good.js';
import type { BrokenGlass } from './routing/broken-glass.js';
import type { ExperimentRoute, RouterState, ServiceRoute, SlotsRoute } from './routing/routing-table.js';
import { parseUpstream } from './routing/upstream.js';
import { refuseOtherHosts } from './routing/upstream-hosts.js';
import { createShadowMetrics } from './shadow/shadow-metrics.js';
import { ShadowTraffic } from './shadow/shadow-traffic.js';
import { AccessLogs } from './weights/access-logs.js';
import { readWeights, type OtherProxies } from './weights/weights-file.js';
import { WeightsKeeper, type Settled } from './weights/weights-keeper.js';

/** How often a router says that it is alive; besides, it does whenever it has obeyed. */
const HEARTBEAT_EVERY_MS = 1_000;
/** As many variants as a heartbeat tells of. */
const MOST_UNDER_WAY = 1_000;

/** How long a client may take for the head of a request; without a limit for whole requests Node.js has none for heads either. */
const HEAD_WITHIN_MS = 60_000;

const TOO_MANY = {
  title: 'Too many requests',
  status: 429,
  detail: 'This client has as many requests under way as it may. Trying again helps when one of them has ended.',
};

/** Where the router's knowledge comes from: nowhere yet, the file of its last run, or the log. */
type StateSource = 'none' | 'last-known-good' | 'log';

/**
 * One router: a streaming reverse proxy that draws the variant of every request, tells how it ended, and obeys the commands of the
 * decision service. It serves from memory alone; the bus may go away while it runs.
 */
export class Router {
  private readonly settings: RouterSettings;
  private readonly source: string;
  private readonly allocations: Allocations;
  private readonly lanes: UpstreamLanes;
  private readonly shadow: ShadowTraffic;
  private readonly routedEvents: EventBuffer;
  private readonly answers: EventBuffer;
  private readonly heartbeats: EventBuffer;
  private readonly file: LastKnownGoodFile | undefined;
  private readonly feed: LogFollower;
  private readonly metrics: RouterMetrics;
  private readonly server: Server;
  private readonly open = new OpenRequests();
  private readonly proxy: Proxy;
  private readonly flags: FlagServer;
  private readonly lane: ClientLane;
  private readonly flagState: StateServer;
  /** Of commands that are not answered yet, by their id. */
  private readonly traces = new Map<string, string>();
  private readonly weights: WeightsKeeper;
  private readonly accessLogs: AccessLogs;
  /** Commands that are answered when another proxy was seen to serve by them, by service. */
  private readonly unanswered = new Map<string, AllocationCommanded>();
  private readonly failSafeOf = new Set<string>();
  private readonly troubles: UpstreamTroubles;
  private readonly proxies: TrustedProxies;
  /** undefined: nobody counts the requests of a client. */
  private readonly clientLimit: ClientLimit | undefined;
  /** Streams stay open: they take no place of requests. */
  private readonly streamLimit: ClientLimit | undefined;

  private watching: NodeJS.Timeout | undefined;
  private beating: NodeJS.Timeout | undefined;
  private stateSource: StateSource = 'none';
  /** Of the last run, or of this one. */
  private saved: RouterState | undefined;
  private leaving = false;
  private draining = false;
  private inFlight = 0;
  /** Connections that are not HTTP any more. */
  private readonly sockets = new Set<Duplex>();
  private onIdle: (() => void) | undefined;

  constructor(bus: BusClient, options: RouterOptions) {
    const settings = withDefaults(options);
    this.settings = settings;
    this.source = eventSource('router', settings.routerId);
    const onTrouble = (message: string): void => settings.logger.warn(message);
    this.troubles = new UpstreamTroubles(onTrouble);
    this.proxies = new TrustedProxies(settings.trustedProxies);
    this.clientLimit = settings.clientRequests === 'any' ? undefined : new ClientLimit(settings.clientRequests);
    this.streamLimit = settings.clientRequests === 'any' ? undefined : new ClientLimit(settings.clientRequests);
    this.lanes = new UpstreamLanes(settings.limits);
    this.routedEvents = createEventBuffer({
      publish: (records) => bus.publish(records),
      maxDelayMs: settings.eventDelayMs,
      maxQueued: settings.maxQueuedEvents,
      onTrouble,
    });
    // Commands are answered at once: each answer is a batch of its own.
    this.answers = createEventBuffer({ publish: (records) => bus.publish(records), maxBatch: 1, onTrouble });
    this.heartbeats = createEventBuffer({ publish: (records) => bus.publish(records), maxBatch: 1, onTrouble });
    this.file = settings.lastKnownGoodFile ? new LastKnownGoodFile(settings.lastKnownGoodFile, onTrouble) : undefined;
    this.allocations = new Allocations({
      upstreams: new Map(Object.entries(settings.upstreams).map(([service, url]) => [service, parseUpstream(url)])),
      routes: settings.routes,
      watch: new ControllerWatch(settings.monotonicMs),
      onCommand: (command, answer) => this.answer(command, answer),
      onChange: (state) => this.changed(state),
    });
    this.feed = new LogFollower({
      bus,
      name: 'router',
      member: settings.routerId,
      compacted: [topics.serviceDefined.name, topics.experimentDefined.name, topics.allocationCommanded.name],
      live: [topics.controllerHeartbeat.name],
      trust: settings.trust && { refusalOf: (record) => this.refusalOf(record) },
      attemptMs: settings.busAttemptMs,
      onLoading: () =>
        this.allocations.restore({ experiments: [], services: [], brokenGlass: this.brokenBefore() }, false),
      onEvent: (event) => this.take(event),
      onLoaded: () => this.loaded(),
      onTrouble,
    });
    this.metrics = createRouterMetrics({
      registry: settings.metrics,
      allocations: this.allocations,
      lanes: this.lanes,
      routedEvents: this.routedEvents,
      inFlight: () => this.inFlight,
      isReady: () => this.unreadyReason() === undefined,
      flagStreams: () => this.flags.listening,
      weights: () => this.weights.describe(),
    });
    this.shadow = this.createShadow();
    this.proxy = this.createProxy();
    this.flags = this.createFlags();
    this.flagState = new StateServer({
      ...this.askedParts(),
      onExposed: (service, evaluated, id) => this.evaluated(service, evaluated, id),
      hasRoom: () => this.hasRoom(),
    });
    this.server = this.createServer();
    this.lane = this.createLane();
    const kept = weightsOf(settings);
    this.weights = this.createWeights(kept);
    this.accessLogs = this.createAccessLogs(kept);
  }

  private createWeights({ targets }: OtherProxies): WeightsKeeper {
    return new WeightsKeeper({
      targets,
      allocations: this.allocations,
      isReady: () => this.stateSource !== 'none' && !this.draining,
      onSettled: (service, settled) => this.settled(service, settled),
      onTrouble: (message) => this.settings.logger.warn(message),
    });
  }

  private createAccessLogs({ accessLogs }: OtherProxies): AccessLogs {
    const { lastKnownGoodFile, logger } = this.settings;
    return new AccessLogs({
      logs: accessLogs,
      folder: lastKnownGoodFile === undefined ? undefined : dirname(lastKnownGoodFile),
      onRouted: (routed) => this.tell(routed),
      isPublished: () => this.routedEvents.status().queued === 0,
      onTrouble: (message) => logger.warn(message),
    });
  }

  private createServer(): Server {
    // An upload may take as long as it comes; each exchange counts its pauses.
    const server = createServer({ requestTimeout: 0, headersTimeout: HEAD_WITHIN_MS }, (request, response) =>
      this.serve(request, response, false),
    );
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
      this.serve(request, response, true),
    );
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(request, socket, head),
    );
    server.on('connect', (request: IncomingMessage, socket: Duplex) => this.refuseTunnel(request, socket));
    server.on('clientError', answerUnreadable);
    // Longer than the idle time-out of the usual load balancers, so that they close first.
    server.keepAliveTimeout = 75_000;
    // As many as there is room for: those beyond a number would be dropped without a word, a length among them.
    server.maxHeadersCount = 0;
    return server;
  }

  private createLane(): ClientLane {
    return new ClientLane({
      server: this.server,
      flags: (asked, text) => this.flags.answerWhole(asked, text),
      flagHeaders: OPEN_TO_PAGES,
      pass: (request, answer) => this.serveWhole(request, answer),
    });
  }

  private createProxy(): Proxy {
    const { settings } = this;
    return createProxy({
      ...this.askedParts(),
      shadow: this.shadow,
      open: this.open,
      lanes: this.lanes,
      limits: settings.limits,
      unitHeaders: settings.unitHeaders,
      unitsNamedBy: settings.unitsNamedBy,
      cookie: settings.cookieKey === undefined ? undefined : new UnitCookie(settings.cookieKey),
      onRouted: (routed) => this.tell(routed),
      onTrouble: (upstream, what) => this.troubles.tell(upstream, what),
      proxies: this.proxies,
      feedback: settings.feedback,
      signatures: settings.signatures,
      tracer: settings.tracer,
    });
  }

  private createFlags(): FlagServer {
    return new FlagServer({
      ...this.askedParts(),
      onEvaluated: (service, evaluated) => this.evaluated(service, evaluated, randomUUID()),
    });
  }

  private evaluated(service: string, { flag, assignment, isExposure }: Evaluated, id: string): void {
    this.metrics.evaluated(service, assignment?.variant ?? '', flag.reason);
    if (assignment && isExposure)
      this.routedEvents.add(exposureEvent({ id, service, assignment, atMs: Date.now() }, this.source));
  }

  /** What a request that is passed on and a flag that is asked for have in common. */
  private askedParts() {
    return {
      allocations: this.allocations,
      mayOverride: overrideCheck(this.settings.overrideToken),
      unreadyReason: () => (this.stateSource === 'none' ? this.unreadyReason() : undefined),
      onUnreadable: (service: string, attribute: string) => this.metrics.unreadable(service, attribute),
      unitNames: this.settings.unitNames,
    };
  }

  private createShadow(): ShadowTraffic {
    const { limits, metrics, shadowBusyAbove, signatures } = this.settings;
    return new ShadowTraffic({
      routeOf: (service, experiment) => this.allocations.routeOfExperiment(service, experiment),
      isFailSafe: (route) => this.allocations.isFailSafe(route),
      lanes: new UpstreamLanes(limits),
      limits,
      busyAbove: shadowBusyAbove,
      inFlight: () => this.inFlight,
      isStopping: () => this.draining || this.leaving,
      metrics: createShadowMetrics(metrics, () => this.shadow.underWay),
      signatures,
      onCopied: (copy) => this.routedEvents.add(requestRoutedEvent(copy, this.source)),
    });
  }

  /** Address of the router, e.g. `http://127.0.0.1:8080/`; known once started. */
  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://${this.settings.host.includes(':') ? `[${this.settings.host}]` : this.settings.host}:${port}/`;
  }

  /**
   * Listens, and loads its state: from the log, else from the last-known-good file. With neither it answers 503 and
   * tries the bus again until it is there.
   */
  async start(): Promise<void> {
    await listen(this.server, { port: this.settings.port, host: this.settings.host, variable: 'ROUTER_PORT' });
    this.watching = setInterval(() => this.watchControllers(), this.settings.watchEveryMs);
    this.beating = setInterval(() => this.beat(false), HEARTBEAT_EVERY_MS);
    this.accessLogs.start();
    this.saved = await this.file?.load();
    if (await this.feed.start()) return;
    if (!this.saved || this.stateSource !== 'none') return;
    this.serveSaved(this.saved, 'the event bus is away');
  }

  /** What was broken by hand, here or in the last run, is not forgotten when the log is read. */
  private brokenBefore(): RouterState['brokenGlass'] {
    const { brokenGlass } = this.allocations.state;
    return brokenGlass.length > 0 ? brokenGlass : (this.saved?.brokenGlass ?? []);
  }

  /** Sends a service to its baseline, now, without bus or database. @returns undefined for one that nobody knows. */
  breakGlass(service: string, by: { readonly actor: string; readonly reason: string }): BrokenGlass | undefined {
    const broken = this.allocations.breakGlass(service, { ...by, at: new Date().toISOString() });
    if (!broken) return undefined;
    this.settings.logger.warn(
      `${service}: ${by.actor} has broken the glass (${by.reason}): the baseline is served until an order newer than epoch ${broken.epoch}`,
    );
    this.beat(false);
    return broken;
  }

  /** @returns false where the glass is whole. */
  mendGlass(service: string, by: { readonly actor: string; readonly reason: string }): boolean {
    if (!this.allocations.mendGlass(service)) return false;
    this.settings.logger.warn(`${service}: follows its orders again, says ${by.actor} (${by.reason})`);
    this.beat(false);
    return true;
  }

  /** A log that is there and says nothing was made anew, or is another one: what was served until now goes on. */
  private loaded(): void {
    const { saved } = this;
    if (saved && this.allocations.isEmpty && saved.experiments.length + saved.services.length > 0) {
      return this.serveSaved(saved, 'the log tells of no experiment and no service');
    }
    this.allocations.confirm();
    this.stateSource = 'log';
    if (!this.allocations.isEmpty) this.keep(this.allocations.state);
  }

  private serveSaved(saved: RouterState, why: string): void {
    this.allocations.restore(saved, true);
    this.stateSource = 'last-known-good';
    this.settings.logger.warn(
      `${why}: serving from the last-known-good file, and control where an experiment was running`,
    );
  }

  private changed(state: RouterState): void {
    this.flags.changed();
    this.weights.look();
    this.keep(state);
  }

  /** What is loaded piece by piece is no state to come back to. */
  private keep(state: RouterState): void {
    if (this.stateSource === 'none') return;
    this.saved = state;
    void this.file?.save(state);
  }

  /** Takes no new connections, lets the requests under way end (for at most `drainMs`), publishes what is left. */
  async close(): Promise<void> {
    this.draining = true;
    clearInterval(this.watching);
    clearInterval(this.beating);
    await this.feed.close();
    this.weights.close();
    this.flags.close();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    this.server.closeIdleConnections();
    this.lane.close();
    await this.idle();
    this.server.closeAllConnections();
    this.lane.destroy();
    for (const socket of this.sockets) socket.destroy();
    await closed;
    this.shadow.close();
    this.lanes.close();
    await this.accessLogs.close();
    await Promise.all([this.routedEvents.close(), this.answers.close(), this.heartbeats.close()]);
  }

  private serve(request: IncomingMessage, response: ServerResponse, waitsToBeTold: boolean): void {
    // As a header of its own it would make one of several cookies.
    if (this.draining) response.shouldKeepAlive = false;
    noteNewestAnswer(request.socket, response);
    closeWithConnection(request.socket, response);
    let leave: (() => void) | undefined;
    response.on('close', () => {
      limitRest(request, this.settings.limits.idleMs);
      leave?.();
    });
    const fault = faultOf(request);
    if (fault) {
      response.shouldKeepAlive = false;
      return sendProblem(response, fault);
    }
    const address = addressOf(request, this.allocations);
    if (address.kind === 'own') return this.answerAboutItself(request, address.path, response);
    const giveBack = this.clientPlace(request, isFlagStream(address) ? this.streamLimit : this.clientLimit);
    if (!giveBack) {
      request.resume();
      const readers = address.kind === 'flags' ? OPEN_TO_PAGES : {};
      return sendProblem(response, TOO_MANY, { ...readers, 'retry-after': '1' });
    }
    leave = giveBack;
    if (address.kind === 'flags') {
      return this.flags.serve(request, response, { path: address.path, waitsToBeTold });
    }
    if (address.kind === 'state') return this.flagState.serve(request, response, { path: address.path, waitsToBeTold });
    leave = () => this.left(giveBack);
    this.inFlight += 1;
    const body = new ClientBody(request, response, waitsToBeTold);
    this.proxy.pass(request, response, { address, body });
  }

  /** Passes a request for a service on that came whole. @returns false: it is for the server */
  private serveWhole(request: WholeRequest, answer: WholeAnswer): boolean {
    const address = addressOf(request, this.allocations);
    if (!this.settings.readsWhole || this.draining || address.kind !== 'service') return false;
    const giveBack = this.clientPlace(request);
    if (!giveBack) {
      sendProblem(answer, TOO_MANY, { 'retry-after': '1' });
      return true;
    }
    answer.on('close', () => this.left(giveBack));
    this.inFlight += 1;
    this.proxy.pass(request, answer, { address, body: new WholeBody(request.body) });
    return true;
  }

  private left(giveBack: () => void): void {
    giveBack();
    this.inFlight -= 1;
    if (this.inFlight === 0) this.onIdle?.();
  }

  /** @returns what gives the client's place back; undefined: it has as many requests under way as it may */
  private clientPlace(request: IncomingRequest, limit = this.clientLimit): (() => void) | undefined {
    if (!limit) return NOTHING_TO_GIVE_BACK;
    const place = limit.enter(this.proxies.clientOf(request));
    if (!place) this.metrics.clientRefused();
    return place;
  }

  /** For what clients tell, which never drives out how requests ended: nobody tells that again. */
  private hasRoom(): boolean {
    return this.routedEvents.status().queued < this.settings.maxQueuedEvents / 2;
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    whenAnswered(socket, () => this.upgradeNow(request, socket, head));
  }

  private upgradeNow(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (socket.destroyed) return;
    // What no upstream is asked for (HTTP/2 on an open connection, say) is ignored, as RFC 9110 §7.8 allows.
    if (!isHandshake(request)) return this.readAgain(request, socket, head);
    const fault = faultOf(request);
    if (fault) return refuseUpgrade(socket, fault.status, fault.detail);
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const address = addressOf(request, this.allocations);
    if (this.draining || address.kind === 'own' || address.kind === 'flags' || address.kind === 'state') {
      const status = this.draining ? 503 : 400;
      return refuseUpgrade(socket, status, `${address.path}: there is no WebSocket here now`);
    }
    const leave = this.clientPlace(request);
    if (!leave) return refuseUpgrade(socket, TOO_MANY.status, TOO_MANY.detail);
    socket.once('close', leave);
    this.proxy.upgrade(request, { address, socket, head });
  }

  /** `CONNECT` asks for a tunnel to anywhere. */
  private refuseTunnel(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    whenAnswered(socket, () => refuseUpgrade(socket, 501, `CONNECT ${request.url}: this is no proxy for tunnels`));
  }

  /** As if the client had not asked for another protocol. */
  private readAgain(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { method, url, rawHeaders, headers, httpVersion } = request;
    const lines = [`${method} ${url} HTTP/${httpVersion}`];
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = (rawHeaders[index] as string).toLowerCase();
      if (name !== 'upgrade' && name !== 'connection') lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
    }
    // What else it says of this connection stays said: `close`, and which headers go no further.
    const others = (headers.connection ?? '').split(',').filter((name) => name.trim().toLowerCase() !== 'upgrade');
    if (others.length > 0) lines.push(`connection: ${others.join(',').trim()}`);
    socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    // The server adds its own again.
    socket.removeAllListeners('timeout');
    this.lane.toServer(socket);
  }

  private answerAboutItself({ method = 'GET' }: IncomingMessage, path: string, response: ServerResponse): void {
    if (method !== 'GET' && method !== 'HEAD') {
      const problem = { title: 'Method not allowed', status: 405, detail: `${method} ${path}: expected GET` };
      return sendProblem(response, problem, { allow: 'GET, HEAD' });
    }
    if (path.startsWith('/health/live')) return sendJson(response, { status: 'ok' });
    const reason = this.unreadyReason();
    if (reason !== undefined) return sendProblem(response, { title: 'Not ready', status: 503, detail: reason });
    sendJson(response, { status: 'ok', router: this.settings.routerId, state: this.stateSource });
  }

  /** Whether anybody knows the service. */
  serves(service: string): boolean {
    return this.allocations.routeOf(service) !== undefined;
  }

  /** What is in force now, by service. */
  describe(isShown: (service: string) => boolean): unknown {
    const routes = [...this.allocations.routes.values()].filter(({ service }) => isShown(service));
    return {
      router: this.settings.routerId,
      state: this.stateSource,
      routes: this.allocations.publicRoutes().filter(({ service }) => isShown(service)),
      services: routes.map((route) => describeRoute(route, this.allocations)),
      weights: this.weights.describe().filter(({ service }) => isShown(service)),
    };
  }

  /** It answers "not ready" from now on and serves as before, until `close`. */
  leave(): void {
    this.leaving = true;
    this.beat(true);
  }

  /** Whether it knows what to serve, and from where it knows. */
  stateFinding(): HealthFinding {
    const reason = this.unreadyReason();
    const facts = { router: this.settings.routerId, state: this.stateSource };
    return reason === undefined ? { ok: true, facts } : { ok: false, reason, facts };
  }

  private unreadyReason(): string | undefined {
    if (this.draining || this.leaving) return 'the router is shutting down';
    if (this.stateSource === 'none') return 'the state is not loaded yet: the event bus does not answer';
    return undefined;
  }

  /** Why an order is nobody's who may give one. */
  private refusalOf(record: Parameters<OrderTrust['refusalOf']>[0]): string | undefined {
    const refusal = this.settings.trust?.refusalOf(record);
    if (refusal !== undefined) this.metrics.foreign(record.topic);
    return refusal;
  }

  /** @throws Error for what would have users served from elsewhere than they may be: it goes to the dead letters */
  private take(event: TeststripEvent): void {
    refuseOtherHosts(event, this.settings.upstreamHosts);
    switch (event.type) {
      case 'service.defined.v1':
        return this.allocations.defineService(event.data);
      case 'experiment.defined.v1':
        return this.allocations.define(event.data);
      case 'allocation.commanded.v1':
        if (event.traceparent !== undefined) this.traces.set(event.data.commandId, event.traceparent);
        return this.allocations.command(event.data);
      case 'controller.heartbeat.v1':
        return this.allocations.heartbeat(event.data, event.id);
      default:
        return undefined;
    }
  }

  private answer(command: AllocationCommanded, answer: CommandOutcome): void {
    this.metrics.commanded(command, answer);
    const { experiment, revision, epoch } = command;
    const what = `${command.command} of ${experiment} revision ${revision}, epoch ${epoch}`;
    switch (answer.outcome) {
      case 'applied':
        this.settings.logger.log(`applied ${what}: ${sharesInWords(command.weightsPpm)}`);
        return this.obeyed(command);
      case 'refused':
        this.reply(command, answer.reason);
        this.settings.logger.warn(`refused ${what}: ${answer.reason}`);
        return;
      case 'waiting':
        this.settings.logger.log(`${what} waits for the definition of the revision; control is served until then`);
        return;
      case 'overtaken':
        this.settings.logger.log(`${what} comes after a newer order about the service, and changes nothing`);
        this.traces.delete(command.commandId);
        return;
      case 'repeated':
        this.traces.delete(command.commandId);
        return;
      default:
        return answer satisfies never;
    }
  }

  /** Where other proxies serve the service, it is obeyed when they were seen to. */
  private obeyed(command: AllocationCommanded): void {
    if (this.weights.keeps(command.service)) {
      this.unanswered.set(command.service, command);
      return this.weights.look();
    }
    this.reply(command, null);
    this.beat(false);
  }

  private settled(service: string, { epoch, refusal }: Settled): void {
    const what = refusal === null ? 'is served as ordered' : `can't be served as ordered (${refusal}): the baseline is`;
    this.settings.logger[refusal === null ? 'log' : 'warn'](`${service}, epoch ${epoch}: ${what}`);
    const command = this.unanswered.get(service);
    const isServed = refusal === null && this.weights.claimable({ [service]: epoch })[service] === epoch;
    if (command && command.epoch <= epoch && (isServed || refusal !== null)) {
      this.unanswered.delete(service);
      this.reply(command, refusal);
    }
    this.beat(false);
  }

  private reply(command: AllocationCommanded, refusal: string | null): void {
    const { tracer, routerId } = this.settings;
    const ordered = this.traces.get(command.commandId);
    this.traces.delete(command.commandId);
    if (refusal === null) this.metrics.applied(command);
    const traceparent = answerSpan(tracer, command, { ordered, refusal });
    this.answers.add(allocationAppliedEvent({ command, refusal, traceparent }, routerId, this.source));
  }

  private tell(routed: RoutedRequest): void {
    this.metrics.routed(routed);
    requestSpan(this.settings.tracer, routed);
    if (routed.judged) this.routedEvents.add(requestRoutedEvent(routed, this.source));
  }

  /** Tells that it is alive and how far it follows; says nothing while it knows nothing, or while what it said before has not got through. */
  private beat(leaving: boolean): void {
    if (this.stateSource === 'none' || (this.leaving && !leaving) || this.heartbeats.status().queued > 0) return;
    const { routerId: router } = this.settings;
    const services = this.weights.claimable(this.allocations.epochs());
    const brokenGlass = this.allocations.state.brokenGlass.map(({ service }) => service);
    const underWay = this.open.underWay().slice(0, MOST_UNDER_WAY);
    this.heartbeats.add(routerHeartbeatEvent({ router, services, brokenGlass, underWay, leaving }, this.source));
  }

  /** Says when control is served because the controller is lost, and when it is back. Who is served follows from the clock at each request. */
  private watchControllers(): void {
    this.weights.look();
    for (const route of this.allocations.experimentRoutes()) {
      const { experiment } = route.rules;
      const lost = this.allocations.isFailSafe(route);
      if (lost === this.failSafeOf.has(experiment)) continue;
      this.flags.changed();
      if (lost) {
        this.failSafeOf.add(experiment);
        this.settings.logger.warn(`${experiment}: ${this.allocations.whyFailSafe(route)}, control is served`);
      } else {
        this.failSafeOf.delete(experiment);
        this.settings.logger.log(`${experiment}: the controller is back, the allocation is served again`);
      }
    }
  }

  private async idle(): Promise<void> {
    if (this.inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.settings.logger.warn(`${this.inFlight} requests were cut off after ${this.settings.drainMs} ms`);
        resolve();
      }, this.settings.drainMs);
      this.onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function weightsOf({ weightsFile, unitHeaders }: RouterSettings): OtherProxies {
  return weightsFile === undefined ? { targets: [], accessLogs: [] } : readWeights(weightsFile, unitHeaders);
}

function describeRoute(route: ServiceRoute, allocations: Allocations): unknown {
  const { service } = route;
  const brokenGlass = allocations.glassOf(service) ?? null;
  switch (route.kind) {
    case 'upstream':
      return { service, experiment: null, upstream: route.upstream.url, brokenGlass };
    case 'experiment':
      return { service, ...describeExperiment(route, allocations) };
    case 'slots':
      return { service, experiment: null, ...describeSlots(route, allocations), brokenGlass };
    default:
      return route satisfies never;
  }
}

function describeSlots(route: SlotsRoute, allocations: Allocations): Readonly<Record<string, unknown>> {
  const { epoch, unit, holdoutPpm, baseline } = route;
  const slots = route.slots.map(({ route: own, ...range }) => ({
    ...range,
    ...(own === null ? { experiment: null } : describeExperiment(own, allocations)),
  }));
  return { epoch, unit, holdoutPpm, upstream: baseline.upstream.url, slots };
}

function describeExperiment(route: ExperimentRoute, allocations: Allocations): Readonly<Record<string, unknown>> {
  const { rules, command } = route;
  const failSafe = allocations.isFailSafe(route);
  return {
    experiment: rules.experiment,
    revision: rules.revision,
    epoch: rules.epoch,
    stage: rules.stage,
    control: rules.control,
    weightsPpm: failSafe ? { [rules.control]: MILLION } : rules.weightsPpm,
    failSafe,
    command: command && describeOrder(command),
    upstreams: Object.fromEntries([...route.upstreams].map(([variant, { url }]) => [variant, url])),
  };
}

/** Why it was given is known where the command itself has come here. */
function describeOrder(order: SlotOrder & Partial<Pick<AllocationCommanded, 'reason' | 'message'>>): unknown {
  const { commandId, command, reason, message, commandedAt, terminal } = order;
  return { commandId, command, reason, message, commandedAt, terminal };
}

/** "control 99 %, candidate 1 %". */
function sharesInWords(weightsPpm: Readonly<Record<string, number>>): string {
  const shares = Object.entries(weightsPpm).map(
    ([variant, ppm]) => `${variant} ${Number(((ppm / MILLION) * 100).toFixed(4))} %`,
  );
  return shares.join(', ');
}
