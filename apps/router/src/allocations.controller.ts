import { Controller, Get, Inject } from '@nestjs/common';
import { Caller, hasRole, type Identity } from '#libs/platform';
import type { Router } from './router.js';
import { ROUTER } from './tokens.js';

/** What operators may ask a router, beside its users' traffic. */
@Controller('v1/allocations')
export class AllocationsController {
  constructor(@Inject(ROUTER) private readonly router: Router) {}

  @Get()
  inForce(@Caller() caller: Identity): unknown {
    return this.router.describe((service) => hasRole(caller, 'viewer', service));
  }
}
