import {
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { BusClient } from '#libs/messaging';
import type { RouterOptions } from './router-options.js';
import { AllocationsController } from './allocations.controller.js';
import { Router } from './router.js';
import { BreakGlassController } from './break-glass.controller.js';
import { OverrideTokensController } from './override-tokens.controller.js';
import { BREAK_GLASS_TOKEN, OVERRIDE_SECRET, ROUTER } from './tokens.js';

export interface RouterModuleOptions extends RouterOptions {
  /** With its topics created; stays the caller's. */
  readonly bus: BusClient;
}

/**
 * The router as a Nest module. It has an HTTP server of its own: users' requests pass no framework, and its port is never shared with an
 * administrative API. It follows the bus as a group of its own instead of `@EventPattern`, since every router has to see every command.
 */
@Module({})
export class RouterModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(ROUTER) private readonly router: Router) {}

  static register({ bus, ...options }: RouterModuleOptions): DynamicModule {
    return {
      module: RouterModule,
      controllers: [AllocationsController, BreakGlassController, OverrideTokensController],
      providers: [
        { provide: ROUTER, useFactory: () => new Router(bus, options) },
        { provide: OVERRIDE_SECRET, useValue: options.overrideToken },
        { provide: BREAK_GLASS_TOKEN, useValue: options.breakGlassToken },
      ],
      exports: [ROUTER],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.router.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.router.close();
  }
}
