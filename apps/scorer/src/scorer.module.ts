import { eventSource } from '#libs/contracts';
import { Inject, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { EventBus } from '#libs/messaging';
import type { Clock } from '#libs/platform';
import { createScorer, defaultPictureLimits, type Scorer } from '#libs/scoring';
import { PictureFetcher } from './fetching/picture-fetcher.js';
import { GenerationScorer } from './generation-scorer.js';
import { GenerationsController } from './generations.controller.js';
import { LagWatch } from './lag-watch.js';
import { ScorerMetrics } from './scorer-metrics.js';
import type { ScorerSettings } from './scorer-settings.js';
import { GENERATION_SCORER, LAG_WATCH, PICTURE_FETCHER, SCORER, SCORER_METRICS } from './tokens.js';

export interface ScorerModuleOptions extends ScorerSettings {
  /** Stays the caller's. */
  readonly bus: Pick<EventBus, 'publish'>;
  /** CloudEvents `source` of the scores. Default: that of this process. */
  readonly source?: string;
  readonly clock: Clock;
  /** Registry of its metrics. */
  readonly metrics: Registry;
}

/** The scorer as a Nest module; `connectEventBus` on its application gives it the generations. See `scorerApp`. */
@Module({})
export class ScorerModule implements OnApplicationShutdown {
  constructor(
    @Inject(SCORER) private readonly scorer: Scorer,
    @Inject(PICTURE_FETCHER) private readonly fetcher: PictureFetcher,
    @Inject(LAG_WATCH) private readonly lagWatch: LagWatch,
  ) {}

  static register(options: ScorerModuleOptions): DynamicModule {
    const limits = options.limits ?? defaultPictureLimits;
    return {
      module: ScorerModule,
      controllers: [GenerationsController],
      providers: [
        { provide: SCORER, useFactory: () => startEngine(options) },
        {
          provide: PICTURE_FETCHER,
          useFactory: () =>
            new PictureFetcher({
              roots: options.roots ?? [],
              hosts: options.hosts ?? [],
              maxBytes: limits.maxBytes,
              timeoutMs: options.timeoutMs ?? 5000,
            }),
        },
        { provide: SCORER_METRICS, useFactory: () => new ScorerMetrics(options.metrics) },
        { provide: LAG_WATCH, useFactory: () => new LagWatch() },
        {
          provide: GENERATION_SCORER,
          inject: [SCORER, PICTURE_FETCHER, SCORER_METRICS],
          useFactory: (scorer: Scorer, fetcher: PictureFetcher, metrics: ScorerMetrics) =>
            new GenerationScorer(
              { scorer, fetcher, bus: options.bus, metrics, clock: options.clock },
              {
                source: options.source ?? eventSource('scorer', String(process.pid)),
                fetchConcurrency: options.fetchConcurrency ?? 8,
                sampling: options.sampling ?? {},
              },
            ),
        },
      ],
      exports: [SCORER, SCORER_METRICS],
    };
  }

  /** The subscription has ended by now: nothing asks the engine any more. */
  async onApplicationShutdown(): Promise<void> {
    this.lagWatch.stop();
    await Promise.all([this.scorer.close(), this.fetcher.close()]);
  }
}

async function startEngine(options: ScorerModuleOptions): Promise<Scorer> {
  const { modelDirectory, engine = 'auto', preprocessing = 'exact', precision = 'f32', threads = 1 } = options;
  const limits = options.limits ?? defaultPictureLimits;
  const cache = options.cacheDirectory === undefined ? {} : { cacheDirectory: options.cacheDirectory };
  const scorer = await createScorer({ modelDirectory, engine, preprocessing, precision, threads, limits, ...cache });
  const { model, digest, engineReason } = scorer.health();
  new Logger('scorer').log(`model ${model} (${digest.slice(0, 12)}) on ${scorer.identity.engine}: ${engineReason}`);
  return scorer;
}
