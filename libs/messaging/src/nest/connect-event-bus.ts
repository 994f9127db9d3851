import type { INestApplication } from '@nestjs/common';
import type { NestMicroservice } from '@nestjs/microservices';
import { EventBusStrategy, type EventBusStrategyOptions } from './event-bus-strategy.js';
import { KeepErrorFilter } from './keep-error-filter.js';

/**
 * Connects the event handlers of an application's controllers to the bus; `app.startAllMicroservices()` starts them. Lifecycle hooks stay
 * the application's: they run once, with its `init`.
 */
export function connectEventBus(app: INestApplication, options: EventBusStrategyOptions): EventBusStrategy {
  const strategy = new EventBusStrategy(options);
  // Deferred, because filters have to be there before the listeners are registered.
  const microservice = app.connectMicroservice({ strategy }, { deferInitialization: true });
  microservice.useGlobalFilters(new KeepErrorFilter());
  // Deferred initialization would call the hooks of the application's providers a second time.
  (microservice as NestMicroservice).setIsInitHookCalled(true);
  return strategy;
}
