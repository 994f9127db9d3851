import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { slug, type KnownMetric } from '#libs/contracts';
import { appliedInWords } from '#libs/delivery';
import type { StoredDecisionEvent } from '#libs/persistence/decision';
import {
  actorOfToken,
  Caller,
  hasRole,
  parseInput,
  ProblemException,
  type Identity,
  type ReadRequest,
} from '#libs/platform';
import { fingerprintOf } from '#libs/telemetry';
import type { DecisionLog, KnownState } from '../deciding/decision-log.js';
import type { Decisions, Obeyed, Order } from '../deciding/decisions.js';
import type { OrderFollowUp } from '../routers/order-follow-up.js';
import { AUDIT, DECISIONS, GATE_NAMES, KNOWN_METRICS, ORDERS, UPSTREAM_HOSTS } from '../tokens.js';
import { AskedWith, type AskedBy } from './asked.js';
import { viewOf, type AnyExperimentView, type AppliedView } from './experiment-view.js';
import { orProblem } from './or-problem.js';
import { serviceOfState } from './services-of-request.js';
import {
  applyQuery,
  approvalBody,
  decisionsQuery,
  dropArmBody,
  listQuery,
  LONGEST_ACTOR,
  orderBody,
  promotionBody,
  readOrder,
  rollbackBody,
  type DecisionView,
} from './orders.js';
import { startingAnew } from './metrics-starting-anew.js';
import { refuseUnlistedUpstream } from './upstream-hosts.js';
import { readExperimentFile, refuseUnknownGates } from './read-experiment-file.js';

/** Header with the name of who applies an experiment file. */
export const ACTOR_HEADER = 'teststrip-actor';

@Controller('v1/experiments')
export class ExperimentsController {
  constructor(
    @Inject(DECISIONS) private readonly decisions: Decisions,
    @Inject(AUDIT) private readonly audit: Pick<DecisionLog, 'audit'>,
    @Inject(ORDERS) private readonly orders: OrderFollowUp,
    @Inject(KNOWN_METRICS) private readonly knownMetrics: readonly KnownMetric[],
    @Inject(UPSTREAM_HOSTS) private readonly upstreamHosts: readonly string[] | undefined,
    @Inject(GATE_NAMES) private readonly gateNames: readonly string[],
  ) {}

  /**
   * Applies an experiment file: 201 for a new experiment or revision, 200 where nothing or only the policy has changed. With `dryRun=true` it
   * says what would follow, and nothing does.
   */
  @Post()
  async apply(
    @Req() request: ReadRequest,
    @AskedWith() asked: AskedBy,
    @Query() query: unknown,
    @Res({ passthrough: true }) response: { status(code: number): unknown },
  ): Promise<AnyExperimentView & AppliedView> {
    const { dryRun } = parseInput(applyQuery, query, 'query');
    const read = readExperimentFile(request, this.knownMetrics);
    const { spec, digest: file } = read;
    refuseUnknownGates(read, this.gateNames);
    for (const [name, { upstream }] of Object.entries(spec.variants))
      refuseUnlistedUpstream(`variants.${name}.upstream`, upstream, this.upstreamHosts);
    const fingerprints = Object.fromEntries(
      Object.entries(spec.variants).map(([name, { config }]) => [name, fingerprintOf(config)]),
    );
    const order: Order = {
      type: 'define',
      actor: whoApplies(request.headers[ACTOR_HEADER], asked.caller),
      note: '',
      spec,
      fingerprints,
      file,
    };
    const obeyed = await orProblem(() =>
      this.decisions[dryRun ? 'preview' : 'order'](spec.key, order, asked.ifVersion),
    );
    if (!dryRun) await this.settled(obeyed);
    asked.shows(obeyed.version);
    const applied = appliedInWords(obeyed.events, startingAnew(obeyed));
    response.status(!dryRun && applied.what.startsWith('new') ? 201 : 200);
    return { ...viewOf(obeyed.state, this.orders), applied: { ...applied, dryRun } };
  }

  /** All that the caller may see but archived ones; with `archived=true` those as well. */
  @Get()
  async list(
    @Caller() caller: Identity,
    @Query() query: unknown,
  ): Promise<{ readonly experiments: readonly AnyExperimentView[] }> {
    const { archived } = parseInput(listQuery, query, 'query');
    const every = await this.decisions.list();
    const states = every.filter((state) => hasRole(caller, 'viewer', serviceOfState(state)));
    const listed = archived ? states : states.filter((state) => !('archived' in state));
    return { experiments: listed.flatMap((state) => (state.phase === 'absent' ? [] : [viewOf(state, this.orders)])) };
  }

  @Get(':key')
  async show(@Param('key') key: string, @AskedWith() asked: AskedBy): Promise<AnyExperimentView> {
    const { state, version } = await this.decisions.see(keyOf(key));
    asked.shows(version);
    return viewOf(known(key, state), this.orders);
  }

  /** The audit log: everything that was decided, by whom, on what evidence. */
  @Get(':key/decisions')
  async decided(
    @Param('key') key: string,
    @Query() query: unknown,
  ): Promise<{ readonly decisions: readonly DecisionView[] }> {
    const { analyses } = parseInput(decisionsQuery, query, 'query');
    const events = await this.audit.audit(keyOf(key));
    if (events.length === 0) throw unknown(key);
    return { decisions: events.map((event) => viewOfDecision(event, analyses)) };
  }

  @Post(':key/pause')
  @HttpCode(200)
  pause(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    return this.order(key, { type: 'pause', ...readOrder(orderBody, body, asked.caller) }, asked);
  }

  @Post(':key/resume')
  @HttpCode(200)
  resume(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    return this.order(key, { type: 'resume', ...readOrder(orderBody, body, asked.caller) }, asked);
  }

  @Post(':key/promote')
  @HttpCode(200)
  promote(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    const { variant, ...by } = readOrder(promotionBody, body, asked.caller);
    return this.order(key, { type: 'promote', ...by, variant }, asked);
  }

  @Post(':key/drop-arm')
  @HttpCode(200)
  dropArm(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    return this.order(key, { type: 'drop-arm', ...readOrder(dropArmBody, body, asked.caller) }, asked);
  }

  @Post(':key/rollback')
  @HttpCode(200)
  rollback(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    return this.order(key, { type: 'rollback', ...readOrder(rollbackBody, body, asked.caller) }, asked);
  }

  @Post(':key/approve')
  @HttpCode(200)
  approve(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    const { stage, ...by } = readOrder(approvalBody, body, asked.caller);
    return this.order(key, { type: 'approve', ...by, ...(stage === undefined ? {} : { stage }) }, asked);
  }

  @Post(':key/archive')
  @HttpCode(200)
  archive(@Param('key') key: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<AnyExperimentView> {
    return this.order(key, { type: 'archive', ...readOrder(orderBody, body, asked.caller) }, asked);
  }

  @Post(':key/new-attempt')
  @HttpCode(201)
  newAttempt(
    @Param('key') key: string,
    @AskedWith() asked: AskedBy,
    @Body() body: unknown,
  ): Promise<AnyExperimentView> {
    return this.order(key, { type: 'new-attempt', ...readOrder(orderBody, body, asked.caller) }, asked);
  }

  /** Whoever applies a file may send the next request: routers know of it by then, or the answer says that they don't. */
  private async settled({ state, events }: Obeyed): Promise<void> {
    if (!events.some((event) => 'command' in event) || state.phase === 'draft' || state.phase === 'quarantined') return;
    await this.orders.settled(state);
  }

  private async order(key: string, order: Order, asked: AskedBy): Promise<AnyExperimentView> {
    const { state, version } = await orProblem(() => this.decisions.order(keyOf(key), order, asked.ifVersion));
    asked.shows(version);
    return viewOf(state, this.orders);
  }
}

/** As with bodies: whoever the token belongs to, and only where nobody has a name whom the header names. */
function whoApplies(header: string | string[] | undefined, { name }: Identity): string {
  const written = header?.toString();
  if (name !== null && written !== undefined) throw actorOfToken(ACTOR_HEADER, name);
  if (name !== null) return name;
  if (written !== undefined && written.length > LONGEST_ACTOR) throw tooLongActor(written);
  return written || 'api';
}

function tooLongActor({ length }: string): ProblemException {
  const detail = `${ACTOR_HEADER}: ${length} characters, expected at most ${LONGEST_ACTOR}`;
  return new ProblemException({ title: 'Invalid request', status: 422, detail });
}

/** A key that can't be one is as unknown as any other. */
function keyOf(text: string): string {
  if (!slug.safeParse(text).success) throw unknown(text);
  return text;
}

function viewOfDecision(
  { sequence, revision, kind, actor, occurredAt, data }: StoredDecisionEvent,
  withAnalyses: boolean,
): DecisionView {
  const { restsOn, ...event } = data as Readonly<Record<string, unknown>>;
  const view = { sequence, revision, kind, actor, at: occurredAt.toISOString(), event };
  return withAnalyses && restsOn !== undefined ? { ...view, analysis: restsOn } : view;
}

function known(key: string, state: KnownState): Exclude<KnownState, { readonly phase: 'absent' }> {
  if (state.phase === 'absent') throw unknown(key);
  return state;
}

function unknown(key: string): ProblemException {
  const detail = `There is no experiment "${key}"; GET /v1/experiments lists those there are`;
  return new ProblemException({ title: 'Unknown experiment', status: 404, detail });
}
