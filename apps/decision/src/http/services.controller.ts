import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { readRoute, slug, variantConfig } from '#libs/contracts';
import type { ServiceMode } from '#libs/delivery';
import { Caller, hasRole, ProblemException, type Identity } from '#libs/platform';
import { fingerprintOf } from '#libs/telemetry';
import type { DecisionLog } from '../deciding/decision-log.js';
import type { Decisions, SeenService, ServiceOrder } from '../deciding/decisions.js';
import type { OrderFollowUp } from '../routers/order-follow-up.js';
import { AUDIT, DECISIONS, ORDERS, UPSTREAM_HOSTS } from '../tokens.js';
import { AskedWith, type AskedBy } from './asked.js';
import { orProblem } from './or-problem.js';
import { refuseUnlistedUpstream } from './upstream-hosts.js';
import { orderBody, readOrder } from './orders.js';
import { baselineBody, retryBody, slotsBody, viewOfService, type ServiceView } from './service-view.js';

interface GivenBy {
  readonly actor: string;
  readonly note: string;
}

/** Services: what each serves when nothing runs, which experiment has its traffic, and what was rolled back from it. */
@Controller('v1/services')
export class ServicesController {
  constructor(
    @Inject(DECISIONS) private readonly decisions: Decisions,
    @Inject(ORDERS) private readonly orders: OrderFollowUp,
    @Inject(AUDIT) private readonly log: Pick<DecisionLog, 'serviceEvents'>,
    @Inject(UPSTREAM_HOSTS) private readonly upstreamHosts: readonly string[] | undefined,
  ) {}

  /** All that the caller may see but deleted ones; with `deleted=true` those as well. */
  @Get()
  async list(
    @Caller() caller: Identity,
    @Query('deleted') deleted: string | undefined,
  ): Promise<{ readonly services: readonly ServiceView[] }> {
    const every = await this.decisions.listServices();
    const all = every.filter(({ service }) => hasRole(caller, 'viewer', service));
    const listed = all.filter(({ mode }) => mode !== 'deleted' || deleted === 'true');
    return { services: listed.map((state) => viewOfService(state, this.orders)) };
  }

  @Get(':service')
  async show(@Param('service') name: string, @AskedWith() asked: AskedBy): Promise<ServiceView> {
    return this.answer(asked, () => this.decisions.seeService(nameOf(name)));
  }

  /** What happened to it, oldest first. */
  @Get(':service/events')
  async events(@Param('service') name: string): Promise<{ readonly events: readonly unknown[] }> {
    const events = await this.log.serviceEvents(nameOf(name));
    return {
      events: events.map(({ sequence, kind, actor, occurredAt, data }) => ({
        sequence,
        kind,
        actor,
        at: occurredAt.toISOString(),
        event: data,
      })),
    };
  }

  /** Says that the service is served otherwise than the last experiment left it. */
  @Post(':service/baseline')
  @HttpCode(200)
  async setBaseline(
    @Param('service') name: string,
    @AskedWith() asked: AskedBy,
    @Body() body: unknown,
  ): Promise<ServiceView> {
    const { actor, note, upstream, config, route: written } = readOrder(baselineBody, body, asked.caller);
    const route = written === null || written === undefined ? written : readRoute(written);
    const order = { type: 'set-baseline', actor, note, route } as const;
    if (upstream === undefined || config === undefined) return this.order(name, order, asked);
    refuseUnlistedUpstream('upstream', upstream, this.upstreamHosts);
    const read = variantConfig.parse(config);
    return this.order(
      name,
      { ...order, baseline: { upstream, config: read, fingerprint: fingerprintOf(read) } },
      asked,
    );
  }

  /** Divides its units into slots; those that an experiment has stay as they are. */
  @Put(':service/slots')
  async setSlots(
    @Param('service') name: string,
    @AskedWith() asked: AskedBy,
    @Body() body: unknown,
  ): Promise<ServiceView> {
    return this.order(name, { type: 'set-slots', ...readOrder(slotsBody, body, asked.caller) }, asked);
  }

  /** Lets a configuration that was rolled back be tried again. */
  @Post(':service/retry')
  @HttpCode(200)
  async retry(
    @Param('service') name: string,
    @AskedWith() asked: AskedBy,
    @Body() body: unknown,
  ): Promise<ServiceView> {
    return this.order(name, { type: 'retry', ...readOrder(retryBody, body, asked.caller) }, asked);
  }

  /** All its ramps stand still, and nothing begins; proven harm still rolls back. */
  @Post(':service/pause')
  @HttpCode(200)
  pause(@Param('service') name: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<ServiceView> {
    return this.setMode(name, 'paused', readOrder(orderBody, body, asked.caller), asked);
  }

  /** What it was paused, drained or deleted for is over: what was paused with it goes on. */
  @Post(':service/resume')
  @HttpCode(200)
  resume(@Param('service') name: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<ServiceView> {
    return this.setMode(name, 'open', readOrder(orderBody, body, asked.caller), asked);
  }

  /** Its experiments end without a verdict, everybody gets the baseline, and nothing begins. */
  @Post(':service/drain')
  @HttpCode(200)
  drain(@Param('service') name: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<ServiceView> {
    return this.setMode(name, 'drained', readOrder(orderBody, body, asked.caller), asked);
  }

  /** Routers serve it no more; its log stays. */
  @Post(':service/delete')
  @HttpCode(200)
  delete(@Param('service') name: string, @AskedWith() asked: AskedBy, @Body() body: unknown): Promise<ServiceView> {
    return this.setMode(name, 'deleted', readOrder(orderBody, body, asked.caller), asked);
  }

  private setMode(name: string, mode: ServiceMode, by: GivenBy, asked: AskedBy): Promise<ServiceView> {
    return this.answer(asked, () => this.decisions.setMode(nameOf(name), mode, by, asked.ifVersion));
  }

  private order(name: string, order: ServiceOrder, asked: AskedBy): Promise<ServiceView> {
    return this.answer(asked, () => this.decisions.orderOfService(nameOf(name), order, asked.ifVersion));
  }

  private async answer(asked: AskedBy, look: () => Promise<SeenService>): Promise<ServiceView> {
    const { state, version } = await orProblem(look);
    asked.shows(version);
    return viewOfService(state, this.orders);
  }
}

/** A name that can't be one is as unknown as any other. */
function nameOf(text: string): string {
  if (slug.safeParse(text).success) return text;
  const detail = `There is no service "${text}"; GET /v1/services lists those there are`;
  throw new ProblemException({ title: 'Unknown service', status: 404, detail });
}
