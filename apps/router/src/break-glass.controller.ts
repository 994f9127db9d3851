import { Body, Controller, Delete, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { Caller, parseOrder, ProblemException, type Identity } from '#libs/platform';
import { breakGlassBody } from './api.js';
import type { Router } from './router.js';
import type { BrokenGlass } from './routing/broken-glass.js';
import { ROUTER } from './tokens.js';

/** The way out that needs nothing but this router: a service back to its baseline, by hand. */
@Controller('v1/services/:service/break-glass')
export class BreakGlassController {
  constructor(@Inject(ROUTER) private readonly router: Router) {}

  @Post()
  @HttpCode(200)
  break(@Param('service') service: string, @Caller() caller: Identity, @Body() body: unknown): BrokenGlass {
    const broken = this.router.breakGlass(service, parseOrder(breakGlassBody, body, caller));
    if (broken) return broken;
    const detail = `no service "${service}"; GET /v1/allocations lists those that are served`;
    throw new ProblemException({ title: 'Unknown service', status: 404, detail });
  }

  @Delete()
  @HttpCode(200)
  mend(
    @Param('service') service: string,
    @Caller() caller: Identity,
    @Body() body: unknown,
  ): { readonly service: string } {
    if (this.router.mendGlass(service, parseOrder(breakGlassBody, body, caller))) return { service };
    const detail = `${service} follows its orders: its glass is not broken here`;
    throw new ProblemException({ title: 'Not broken', status: 409, detail });
  }
}
