import { Body, Controller, Inject, Logger, Param, Post } from '@nestjs/common';
import { Caller, parseOrder, ProblemException, type Identity } from '#libs/platform';
import { overrideTokenBody } from './api.js';
import { overrideToken } from './override-tokens.js';
import type { Router } from './router.js';
import { OVERRIDE_SECRET, ROUTER } from './tokens.js';

const MINUTE_MS = 60_000;

/** What whoever looks sends as `teststrip-override` and `teststrip-override-token`. */
interface IssuedToken {
  readonly override: string;
  readonly token: string;
  readonly expiresAt: string;
}

/** Tokens for people who want to see a variant before others do. */
@Controller('v1/services/:service/override-tokens')
export class OverrideTokensController {
  private readonly logger = new Logger('override');

  constructor(
    @Inject(ROUTER) private readonly router: Router,
    @Inject(OVERRIDE_SECRET) private readonly secret: string | undefined,
  ) {}

  @Post()
  issue(@Param('service') service: string, @Caller() caller: Identity, @Body() body: unknown): IssuedToken {
    const { variant: override, validForMinutes, reason, actor } = parseOrder(overrideTokenBody, body, caller);
    if (!this.router.serves(service)) {
      const detail = `no service "${service}"; GET /v1/allocations lists those that are served`;
      throw new ProblemException({ title: 'Unknown service', status: 404, detail });
    }
    if (this.secret === undefined) {
      const detail = 'ROUTER_OVERRIDE_TOKEN=(not set): nobody may choose a variant here';
      throw new ProblemException({ title: 'No overrides', status: 409, detail });
    }
    const expiresAtMs = Math.floor(Date.now() / 1_000) * 1_000 + validForMinutes * MINUTE_MS;
    const expiresAt = new Date(expiresAtMs).toISOString();
    this.logger.log(`${actor} may have ${override} of ${service} shown until ${expiresAt} (${reason})`);
    return { override, token: overrideToken(this.secret, { service, override }, expiresAtMs), expiresAt };
  }
}
