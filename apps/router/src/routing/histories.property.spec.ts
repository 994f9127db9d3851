import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AllocationCommanded, ExperimentDefined, ServiceDefined } from '#libs/contracts';
import { layerOf } from '#libs/delivery';
import { playService, serviceHistories, type PlayedMoment } from '#libs/testing/delivery';
import { evaluateFlag } from '../flags/evaluate-flag.js';
import { draw } from '../proxy/draw.js';
import { Allocations } from './allocations.js';
import { ControllerWatch } from './controller-watch.js';
import type { RouterState } from './routing-table.js';

const SERVICE = 'text-to-image';
const UNITS = Array.from({ length: 12 }, (_, index) => `user-${index}`);

/** What a router hears; what has one key comes in its order, everything else in any. */
type Heard =
  | { readonly key: string; readonly kind: 'defined'; readonly data: ExperimentDefined }
  | { readonly key: string; readonly kind: 'commanded'; readonly data: AllocationCommanded }
  | { readonly key: string; readonly kind: 'service'; readonly data: ServiceDefined };

/** The records of a step, as the decision service publishes them. */
function toldOf({ events, serviceEvents, after }: PlayedMoment): readonly Heard[] {
  const ofExperiment = events.flatMap((event): Heard[] => {
    if ('command' in event)
      return [{ key: `commanded ${event.command.experiment}`, kind: 'commanded', data: event.command }];
    if (event.type !== 'defined' && event.type !== 'policy-changed') return [];
    return [{ key: `defined ${event.definition.experiment}`, kind: 'defined', data: event.definition }];
  });
  const { baseline, mode } = after.service;
  const layer = layerOf(after.service);
  const ofService = serviceEvents.flatMap((event): Heard[] => {
    const isTold = event.type === 'baseline-set' || event.type === 'slots-set' || event.type === 'mode-set';
    if (!isTold || baseline === null || (event.type === 'mode-set' && event.epoch === 0)) return [];
    const data: ServiceDefined = {
      service: SERVICE,
      baseline,
      epoch: event.epoch,
      definedAt: new Date(event.atMs).toISOString(),
      definedBy: 'decision',
      ...(layer === undefined ? {} : { layer }),
      ...(mode === 'deleted' ? { deleted: true as const } : {}),
    };
    return [{ key: 'service', kind: 'service', data }];
  });
  return [...ofExperiment, ...ofService];
}

/** What happens between the log and one router. */
type Delivery =
  | { readonly kind: 'published' | 'heard' | 'heard-again'; readonly which: number; readonly count: number }
  | { readonly kind: 'restarted' | 'from-file' | 'sign-of-life' };

const deliveries: fc.Arbitrary<readonly Delivery[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom('published' as const, 'heard' as const, 'heard' as const, 'heard-again' as const),
        which: fc.nat(1_000),
        count: fc.integer({ min: 1, max: 12 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('restarted' as const, 'from-file' as const, 'sign-of-life' as const).map((kind) => ({
        kind,
      })),
    },
  ),
  { minLength: 10, maxLength: 60, size: 'max' },
);

/** One router that follows a log, with everything that may happen to it. */
class FollowingRouter {
  allocations = this.started();
  readonly answers: (readonly [AllocationCommanded, string])[] = [];
  private published = 0;
  private readonly read = new Map<string, number>();
  private file: RouterState | undefined;
  private beats = 0;

  constructor(private readonly log: readonly Heard[]) {}

  happens(delivery: Delivery): void {
    switch (delivery.kind) {
      case 'published':
        this.published = Math.min(this.log.length, this.published + delivery.count);
        return;
      case 'heard':
      case 'heard-again':
        return this.hear(delivery.which, delivery.count, delivery.kind === 'heard-again');
      case 'restarted':
        return this.restart();
      case 'from-file':
        return this.startFromFile();
      case 'sign-of-life':
        return this.signOfLife();
      default:
        return delivery satisfies never;
    }
  }

  /** To the end of what there is. */
  catchUp(): void {
    this.published = this.log.length;
    for (const key of this.keys()) this.hear(this.keys().indexOf(key), this.log.length, false);
  }

  get known(): readonly Heard[] {
    return this.log.slice(0, this.published);
  }

  private started(): Allocations {
    return new Allocations({
      upstreams: new Map(),
      routes: [],
      watch: new ControllerWatch(() => 0),
      onCommand: (command, { outcome }) => void this.answers.push([command, outcome]),
      onChange: () => undefined,
    });
  }

  private keys(): readonly string[] {
    return [...new Set(this.known.map(({ key }) => key))].sort();
  }

  private ofKey(key: string): readonly Heard[] {
    return this.known.filter((heard) => heard.key === key);
  }

  private hear(which: number, count: number, isAgain: boolean): void {
    const keys = this.keys();
    const key = keys[which % Math.max(1, keys.length)];
    if (key === undefined) return;
    const all = this.ofKey(key);
    const read = this.read.get(key) ?? 0;
    const from = isAgain ? Math.max(0, read - count) : read;
    // A consumer that goes back hears what it finds there, and may be looked at before it has come to the end again.
    const to = Math.min(all.length, isAgain ? from + 1 : read + count);
    for (const heard of all.slice(from, to)) this.take(heard);
    this.read.set(key, to);
    this.file = this.allocations.state;
  }

  private take(heard: Heard): void {
    if (heard.kind === 'defined') this.allocations.define(heard.data);
    else if (heard.kind === 'commanded') this.allocations.command(heard.data);
    else this.allocations.defineService(heard.data);
  }

  /** With what a compacted log keeps: of each key the last. */
  private restart(): void {
    this.allocations = this.started();
    this.allocations.restore({ experiments: [], services: [], brokenGlass: [] }, false);
    for (const kind of ['service', 'defined', 'commanded'])
      for (const key of this.keys().filter((one) => one.startsWith(kind))) {
        const all = this.ofKey(key);
        this.take(all.at(-1) as Heard);
        this.read.set(key, all.length);
      }
    this.allocations.confirm();
  }

  /** Of some time before; the log is not to be had. */
  private startFromFile(): void {
    if (!this.file) return;
    this.allocations = this.started();
    this.allocations.restore(this.file, true);
  }

  private signOfLife(): void {
    this.beats += 1;
    const at = new Date(this.beats * 1_000).toISOString();
    const epochs = this.known.map(({ data, kind }) => (kind === 'defined' ? 0 : data.epoch));
    const running = [...new Set(this.known.flatMap((one) => (one.kind === 'defined' ? one.data.experiment : [])))];
    const services = { [SERVICE]: Math.max(0, ...epochs) };
    this.allocations.heartbeat({ controller: 'decision-1', at, running, services }, `${this.beats}`);
  }
}

/** Who of the units is served by what, where they are drawn at all. */
function drawnBy({ allocations }: FollowingRouter) {
  const route = allocations.routeOf(SERVICE);
  if (!route) return [];
  const sources = { allocations, onUnreadable: () => undefined };
  return UNITS.flatMap((unit) => {
    const asker = { unitOf: () => ({ unit, name: 'named' as const }), override: undefined, attributes: () => ({}) };
    const { assigned } = draw(route, asker, sources);
    const { flag, assignment } = evaluateFlag(route, { context: { unit, attributes: () => ({}) } }, sources);
    const variant = assigned?.assignment.variant;
    if (assignment?.variant !== variant)
      throw new Error(`${unit}: the flag says ${assignment?.variant}, not ${variant}`);
    const parameters = variant === undefined ? undefined : assigned?.route.parameters.get(variant);
    if (parameters && flag.value !== parameters)
      throw new Error(`${unit}: its parameters are those of another variant`);
    return assigned ? [assigned] : [];
  });
}

/** Revisions that were rolled back, with the epoch of the first order that says so. */
function rolledBack(known: readonly Heard[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const heard of known) {
    if (heard.kind !== 'commanded' || heard.data.command !== 'rollback') continue;
    const revision = `${heard.data.experiment} ${heard.data.revision}`;
    found.set(revision, Math.min(found.get(revision) ?? Infinity, heard.data.epoch));
  }
  return found;
}

const always = (check: (router: FollowingRouter, log: readonly Heard[]) => void, atEnd = false): void => {
  fc.assert(
    fc.property(serviceHistories, deliveries, (history, happening) => {
      const log = playService(history).flatMap(toldOf);
      const router = new FollowingRouter(log);
      for (const delivery of happening) {
        router.happens(delivery);
        if (!atEnd && delivery.kind !== 'published') check(router, log);
      }
      if (!atEnd) return;
      router.catchUp();
      check(router, log);
    }),
    { numRuns: 60, seed: 20_261_127 },
  );
};

describe('a router that hears a history late, twice, in parts and from its beginning', () => {
  it('serves nobody by a candidate once it claims the order that rolled it back', () => {
    let claimed = 0;
    always((router) => {
      const epoch = router.allocations.epochs()[SERVICE] ?? 0;
      const ended = [...rolledBack(router.known)].filter(([, from]) => from <= epoch).map(([revision]) => revision);
      claimed += ended.length;
      for (const { assignment, route } of drawnBy(router)) {
        const revision = `${assignment.experiment} ${assignment.revision}`;
        if (!ended.includes(revision) || assignment.variant === route.rules.control) continue;
        throw new Error(`${assignment.unit} gets ${assignment.variant} of revision ${revision}, which was rolled back`);
      }
    });
    expect(claimed).toBeGreaterThan(100);
  });

  it('never claims a smaller epoch than before, but after a start from what an earlier run saved', () => {
    fc.assert(
      fc.property(serviceHistories, deliveries, (history, happening) => {
        const router = new FollowingRouter(playService(history).flatMap(toldOf));
        let newest = 0;
        for (const delivery of happening) {
          router.happens(delivery);
          const epoch = router.allocations.epochs()[SERVICE] ?? 0;
          if (delivery.kind !== 'from-file' && delivery.kind !== 'restarted')
            expect(epoch).toBeGreaterThanOrEqual(newest);
          newest = epoch;
        }
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  it('comes to what every other router serves, once it has heard all', () => {
    always((router, log) => {
      const straight = new FollowingRouter(log);
      straight.catchUp();
      const served = (one: FollowingRouter) =>
        drawnBy(one).map(({ assignment: { experiment, revision, variant } }) => `${experiment} ${revision} ${variant}`);
      router.happens({ kind: 'restarted' });
      expect(served(router)).toEqual(served(straight));
    }, true);
  });
});
