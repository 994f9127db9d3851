import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AllocationCommanded } from '#libs/contracts';
import type { EventBuffer } from '#libs/telemetry';
import type { RoutedRequest } from './proxy/proxy.js';
import type { Allocations } from './routing/allocations.js';
import type { CommandOutcome } from './routing/experiment-state.js';

export interface RouterMetrics {
  routed(request: RoutedRequest): void;
  commanded(command: AllocationCommanded, answer: CommandOutcome): void;
}

/** Metrics of one router. */
export function createRouterMetrics(sources: {
  readonly registry: Registry;
  readonly allocations: Allocations;
  readonly routedEvents: EventBuffer;
  readonly inFlight: () => number;
  readonly isReady: () => boolean;
}): RouterMetrics {
  const { registry } = sources;
  const registers = [registry];
  const requests = new Counter({
    name: 'teststrip_router_requests_total',
    help: 'Requests by service, variant and outcome; variant is empty where no experiment applied.',
    labelNames: ['service', 'variant', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'teststrip_router_request_duration_seconds',
    help: 'From the arrival of a request to the last byte sent on; complete answers only.',
    labelNames: ['service', 'variant'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const commands = new Counter({
    name: 'teststrip_router_commands_total',
    help: 'Allocation commands by experiment and what became of them.',
    labelNames: ['experiment', 'outcome'],
    registers,
  });
  gauge(registry, 'teststrip_router_in_flight', 'Requests under way.', (set) => set({}, sources.inFlight()));
  gauge(registry, 'teststrip_router_ready', '1 once the state is loaded.', (set) => set({}, Number(sources.isReady())));
  gauge(registry, 'teststrip_router_events_queued', 'request.routed.v1 events not yet published.', (set) =>
    set({}, sources.routedEvents.status().queued),
  );
  gauge(registry, 'teststrip_router_events_dropped', 'request.routed.v1 events lost since the start.', (set) =>
    set({}, sources.routedEvents.status().dropped),
  );
  gauge(
    registry,
    'teststrip_router_epoch',
    'Epoch in force.',
    (set) => {
      for (const route of sources.allocations.routes.values()) {
        if (route.kind === 'experiment') set({ experiment: route.rules.experiment }, route.rules.epoch);
      }
    },
    ['experiment'],
  );
  gauge(
    registry,
    'teststrip_router_fail_safe',
    '1 while control is served because the controller is lost.',
    (set) => {
      for (const route of sources.allocations.routes.values()) {
        if (route.kind !== 'experiment') continue;
        set({ experiment: route.rules.experiment }, Number(sources.allocations.isFailSafe(route)));
      }
    },
    ['experiment'],
  );

  return {
    routed({ service, assignment, outcome, durationMs }) {
      const variant = assignment?.variant ?? '';
      requests.inc({ service, variant, outcome });
      if (durationMs !== null) duration.observe({ service, variant }, durationMs / 1000);
    },
    commanded({ experiment }, answer) {
      commands.inc({ experiment, outcome: answer.outcome });
    },
  };
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  collect: (set: (labels: Record<string, string>, value: number) => void) => void,
  labelNames: readonly string[] = [],
): void {
  const registered: Gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      registered.reset();
      collect((labels, value) => registered.set(labels, value));
    },
  });
}
