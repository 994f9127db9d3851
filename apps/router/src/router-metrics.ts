import { Counter, type Registry } from 'prom-client';
import type { AllocationCommanded } from '#libs/contracts';
import { hopSeconds, labelledGauge } from '#libs/platform';
import type { EventBuffer } from '#libs/telemetry';
import type { RoutedRequest } from './proxy/routed-request.js';
import type { UpstreamLane, UpstreamLanes } from './proxy/upstream-lanes.js';
import type { Allocations } from './routing/allocations.js';
import type { CommandOutcome } from './routing/experiment-state.js';
import type { ExperimentRoute } from './routing/routing-table.js';
import { DurationTally, tallyOf } from './tallies.js';
import type { KeptWeights } from './weights/weights-keeper.js';

export interface RouterMetrics {
  routed(request: RoutedRequest): void;
  commanded(command: AllocationCommanded, answer: CommandOutcome): void;
  /** What a command orders is served. */
  applied(command: AllocationCommanded): void;
  /** Something on a topic that is obeyed was not the controller's word. */
  foreign(topic: string): void;
  /** A client had as many requests under way as it may. */
  clientRefused(): void;
  /** @param attribute as the audience names it: what clients call theirs is no label */
  unreadable(service: string, attribute: string): void;
  /** A flag was asked for by itself. @param variant empty where no experiment is in force */
  evaluated(service: string, variant: string, reason: string): void;
}

interface RouterMetricsSources {
  readonly registry: Registry;
  readonly allocations: Allocations;
  readonly lanes: UpstreamLanes;
  readonly routedEvents: EventBuffer;
  readonly inFlight: () => number;
  readonly isReady: () => boolean;
  /** Clients that are told of changes of their flags. */
  readonly flagStreams: () => number;
  /** Proxies whose weights are kept. */
  readonly weights: () => readonly KeptWeights[];
}

/** Metrics of one router. */
export function createRouterMetrics(sources: RouterMetricsSources): RouterMetrics {
  const registers = [sources.registry];
  const count = tallyOf(sources.registry, {
    name: 'teststrip_router_requests_total',
    help: 'Requests for pictures (POST) by service, variant and outcome; variant is empty where no experiment applied.',
    labelNames: ['service', 'variant', 'outcome'],
  });
  const others = new Counter({
    name: 'teststrip_router_other_requests_total',
    help: 'Requests that make no picture (polls, lookups, uploads by PUT …) by service, variant and outcome; they are not judged.',
    labelNames: ['service', 'variant', 'outcome'],
    registers,
  });
  const durations = new DurationTally(
    sources.registry,
    'teststrip_router_request_duration_seconds',
    'From the arrival of a request to the last byte sent on; complete answers only.',
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  );
  const nameless = new Counter({
    name: 'teststrip_router_nameless_requests_total',
    help: 'Requests without the name of a user or session, each a unit of its own: the headers are missing, or what they say names nobody (meaningless).',
    labelNames: ['service', 'name'],
    registers,
  });
  const commands = new Counter({
    name: 'teststrip_router_commands_total',
    help: 'Allocation commands by experiment and what became of them.',
    labelNames: ['experiment', 'outcome'],
    registers,
  });
  const foreign = new Counter({
    name: 'teststrip_router_foreign_orders_total',
    help: 'Definitions, orders and signs of life that were refused because no known key has signed them, by topic.',
    labelNames: ['topic'],
    registers,
  });
  const clientRefusals = createClientRefusals(sources.registry);
  createStateGauges(sources);
  createWeightsGauge(sources);

  return {
    routed({ judged, service, attempt, assignment, unitName, outcome, durationMs }) {
      const variant = assignment?.variant ?? '';
      if (!judged) return others.inc({ service, variant, outcome });
      count(service, variant, outcome);
      if (attempt === 0 && (unitName === 'missing' || unitName === 'meaningless'))
        nameless.inc({ service, name: unitName });
      if (durationMs !== null) durations.observe(service, variant, durationMs / 1000);
    },
    foreign: (topic) => foreign.inc({ topic }),
    clientRefused: () => clientRefusals.inc(),
    commanded({ experiment }, answer) {
      commands.inc({ experiment, outcome: answer.outcome });
    },
    applied: createHops(sources.registry),
    ...createAskedMetrics(sources.registry),
  };
}

/** How long orders took. */
function createHops(registry: Registry): RouterMetrics['applied'] {
  const hop = hopSeconds(registry);
  // What is read anew at a start was obeyed long ago.
  const startedAtMs = Date.now();
  return ({ commandedAt, evidence }) => {
    if (Date.parse(commandedAt) < startedAtMs) return;
    hop('command-to-applied', commandedAt, Date.now());
    hop('event-to-applied', evidence?.newestEventAt ?? null, Date.now());
  };
}

/** Of who asks, by a request or for a flag. */
function createAskedMetrics(registry: Registry): Pick<RouterMetrics, 'unreadable' | 'evaluated'> {
  const unreadable = new Counter({
    name: 'teststrip_router_unreadable_attributes_total',
    help: 'Attributes that the audience reads as a number or a version and that are none, or are longer than 1,024 characters: they match no rule.',
    labelNames: ['service', 'attribute'],
    registers: [registry],
  });
  const evaluated = tallyOf(registry, {
    name: 'teststrip_router_flag_evaluations_total',
    help: 'Flags that were asked for one by one (OFREP), by service, variant and reason; variant is empty where no experiment applied.',
    labelNames: ['service', 'variant', 'reason'],
  });
  return {
    unreadable(service, attribute) {
      unreadable.inc({ service, attribute });
    },
    evaluated,
  };
}

function createClientRefusals(registry: Registry): Counter {
  return new Counter({
    name: 'teststrip_router_client_refused_total',
    help: 'Requests answered with 429, because their client had as many under way as ROUTER_CLIENT_REQUESTS allows; they are nobody’s evidence.',
    registers: [registry],
  });
}

function createWeightsGauge({ registry, weights }: RouterMetricsSources): void {
  const name = 'teststrip_router_weights_served_epoch';
  const help = 'Newest order that a proxy was seen to serve whose weights are kept; 0 where it serves none.';
  labelledGauge(registry, { name, help, labelNames: ['service', 'proxy'] }, (set) => {
    for (const { service, proxy, servedEpoch } of weights()) set({ service, proxy }, servedEpoch);
  });
}

/** What the router is at: read when it is asked for. */
function createStateGauges({
  registry,
  allocations,
  lanes,
  routedEvents,
  inFlight,
  isReady,
  flagStreams,
}: RouterMetricsSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    labelledGauge(registry, { name, help }, (set) => set({}, read()));
  };
  gauge('teststrip_router_in_flight', 'Requests under way.', inFlight);
  gauge('teststrip_router_ready', '1 once the state is loaded.', () => Number(isReady()));
  gauge('teststrip_router_flag_streams', 'Clients that are told of changes of their flags.', flagStreams);
  gauge(
    'teststrip_router_events_queued',
    'request.routed.v1 events not yet published.',
    () => routedEvents.status().queued,
  );
  gauge(
    'teststrip_router_events_dropped',
    'request.routed.v1 events lost since the start.',
    () => routedEvents.status().dropped,
  );
  createLaneGauges(registry, lanes);
  createOrderGauges(registry, allocations);
}

/** Of what is sent to each upstream. */
function createLaneGauges(registry: Registry, lanes: UpstreamLanes): void {
  const perLane = (name: string, help: string, read: (lane: UpstreamLane) => number): void => {
    labelledGauge(registry, { name, help, labelNames: ['service', 'variant'] }, (set) => {
      for (const lane of lanes.all()) set({ ...lane.owner }, read(lane));
    });
  };
  perLane('teststrip_router_upstream_pending', 'Requests under way or in line, by variant.', ({ pending }) => pending);
  perLane('teststrip_router_upstream_left_alone', '1 while an upstream that has not answered is left alone.', (lane) =>
    Number(lane.health.isEjected),
  );
}

/** Of what was ordered, and is served. */
function createOrderGauges(registry: Registry, allocations: Allocations): void {
  const perExperiment = (name: string, help: string, read: (route: ExperimentRoute) => number): void => {
    labelledGauge(registry, { name, help, labelNames: ['experiment'] }, (set) => {
      for (const route of allocations.experimentRoutes()) set({ experiment: route.rules.experiment }, read(route));
    });
  };
  labelledGauge(
    registry,
    {
      name: 'teststrip_router_served_epoch',
      help: 'Epoch by which a service is served; the newest order is in teststrip_decision_epoch.',
      labelNames: ['service'],
    },
    (set) => {
      for (const [service, epoch] of Object.entries(allocations.epochs())) set({ service }, epoch);
    },
  );
  perExperiment('teststrip_router_epoch', 'Epoch in force.', ({ rules }) => rules.epoch);
  labelledGauge(
    registry,
    {
      name: 'teststrip_router_weight_ppm',
      help: 'Share of the traffic that a variant has by the order in force, of a million.',
      labelNames: ['experiment', 'variant'],
    },
    (set) => {
      for (const { rules } of allocations.experimentRoutes())
        for (const [variant, ppm] of Object.entries(rules.weightsPpm))
          set({ experiment: rules.experiment, variant }, ppm);
    },
  );
  perExperiment('teststrip_router_fail_safe', '1 while control is served because the controller is lost.', (route) =>
    Number(allocations.isFailSafe(route)),
  );
}
