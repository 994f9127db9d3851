import { Body, Controller, Delete, Headers, HttpCode, Inject, Logger, Param, Post } from '@nestjs/common';
import { parseInput, ProblemException } from '#libs/platform';
import { breakGlassBody } from './api.js';
import type { Router } from './router.js';
import type { BrokenGlass } from './routing/broken-glass.js';
import { BREAK_GLASS_TOKEN, ROUTER } from './tokens.js';
import { tokenCheck } from './token-check.js';

/** The way out that needs nothing but this router: a service back to its baseline, by hand. */
@Controller('v1/services/:service/break-glass')
export class BreakGlassController {
  private readonly logger = new Logger('router');
  private refusals = 0;
  private toldAtMs = -Infinity;
  private readonly isAuthorised: (token: string | undefined) => boolean;

  constructor(
    @Inject(ROUTER) private readonly router: Router,
    @Inject(BREAK_GLASS_TOKEN) private readonly token: string | undefined,
  ) {
    this.isAuthorised = tokenCheck(token);
  }

  @Post()
  @HttpCode(200)
  break(
    @Param('service') service: string,
    @Headers('authorization') authorization: string | undefined,
    @Body() body: unknown,
  ): BrokenGlass {
    this.authorise(authorization);
    const broken = this.router.breakGlass(service, parseInput(breakGlassBody, body ?? {}, 'body'));
    if (broken) return broken;
    const detail = `no service "${service}"; GET /v1/allocations lists those that are served`;
    throw new ProblemException({ title: 'Unknown service', status: 404, detail });
  }

  @Delete()
  @HttpCode(200)
  mend(
    @Param('service') service: string,
    @Headers('authorization') authorization: string | undefined,
    @Body() body: unknown,
  ): { readonly service: string } {
    this.authorise(authorization);
    if (this.router.mendGlass(service, parseInput(breakGlassBody, body ?? {}, 'body'))) return { service };
    const detail = `${service} follows its orders: its glass is not broken here`;
    throw new ProblemException({ title: 'Not broken', status: 409, detail });
  }

  /** Somebody may be guessing: that is told, a second apart at least. */
  private logRefusal(): void {
    this.refusals += 1;
    const nowMs = performance.now();
    if (nowMs - this.toldAtMs < 1_000) return;
    this.logger.warn(
      `break-glass was asked for without the right token, ${this.refusals} times since this was told last`,
    );
    this.toldAtMs = nowMs;
    this.refusals = 0;
  }

  private authorise(authorization: string | undefined): void {
    if (this.token === undefined) {
      const detail = 'nobody may break the glass here: start the router with ROUTER_BREAK_GLASS_TOKEN';
      throw new ProblemException({ title: 'Not enabled', status: 403, detail });
    }
    if (this.isAuthorised(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1])) return;
    this.logRefusal();
    const detail = 'expected the header authorization: Bearer <ROUTER_BREAK_GLASS_TOKEN>';
    throw new ProblemException({ title: 'Not authorised', status: 401, detail });
  }
}
