import type { INestApplication } from '@nestjs/common';
import { EventBusStrategy, type EventBusStrategyOptions } from './event-bus-strategy.js';
import { KeepErrorFilter } from './keep-error-filter.js';

/** Connects the event handlers of an application's controllers to the bus; `app.startAllMicroservices()` starts them. */
export function connectEventBus(app: INestApplication, options: EventBusStrategyOptions): EventBusStrategy {
  const strategy = new EventBusStrategy(options);
  app.connectMicroservice({ strategy }, { deferInitialization: true }).useGlobalFilters(new KeepErrorFilter());
  return strategy;
}
