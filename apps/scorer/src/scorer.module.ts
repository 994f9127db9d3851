import { eventSource } from '#libs/contracts';
import { Inject, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { EventBus } from '#libs/messaging';
import type { Clock, Tracer } from '#libs/platform';
import { createScorer, defaultPictureLimits, type Scorer } from '#libs/scoring';
import { gsAddresses } from './fetching/gs-addresses.js';
import { PictureFetcher } from './fetching/picture-fetcher.js';
import { s3Addresses } from './fetching/s3-addresses.js';
import { GenerationScorer } from './generation-scorer.js';
import { GenerationsController } from './generations.controller.js';
import { LagWatch } from './lag-watch.js';
import { measurePipeline } from './pipeline-metrics.js';
import { ScorerMetrics } from './scorer-metrics.js';
import type { ScorerSettings } from './scorer-settings.js';
import { GENERATION_SCORER, LAG_WATCH, PICTURE_FETCHER, SCORER, SCORER_METRICS } from './tokens.js';

export interface ScorerModuleOptions extends ScorerSettings {
  /** Stays the caller's. */
  readonly bus: Pick<EventBus, 'publish'>;
  /** CloudEvents `source` of the scores. Default: that of this process. */
  readonly source?: string;
  readonly clock: Clock;
  readonly tracer: Tracer;
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
    return {
      module: ScorerModule,
      controllers: [GenerationsController],
      providers: [
        { provide: SCORER, useFactory: () => startEngine(options) },
        {
          provide: PICTURE_FETCHER,
          useFactory: () => fetcherOf(options),
        },
        { provide: SCORER_METRICS, useFactory: () => new ScorerMetrics(options.metrics) },
        { provide: LAG_WATCH, useFactory: () => new LagWatch() },
        {
          provide: GENERATION_SCORER,
          inject: [SCORER, PICTURE_FETCHER, SCORER_METRICS],
          useFactory: (scorer: Scorer, fetcher: PictureFetcher, metrics: ScorerMetrics) => {
            measurePipeline(options.metrics, { scorer, fetcher });
            return new GenerationScorer(
              { scorer, fetcher, bus: options.bus, metrics, clock: options.clock, tracer: options.tracer },
              {
                source: options.source ?? eventSource('scorer', String(process.pid)),
                sampling: options.sampling ?? {},
              },
            );
          },
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
  const { decodeThreads = 1 } = options;
  const settings = { modelDirectory, engine, preprocessing, precision, threads, decodeThreads, limits, ...cache };
  const scorer = await createScorer(settings);
  const { model, digest, engineReason } = scorer.health();
  new Logger('scorer').log(`model ${model} (${digest.slice(0, 12)}) on ${scorer.identity.engine}: ${engineReason}`);
  return scorer;
}

async function fetcherOf({ roots = [], hosts = [], s3, gs, ...options }: ScorerModuleOptions): Promise<PictureFetcher> {
  const s3Buckets = s3 && { names: s3.buckets, sign: await s3Addresses(s3.endpoint) };
  const gsBuckets = gs && { names: gs.buckets, sign: await gsAddresses(gs.keyFile, gs.endpoint) };
  return new PictureFetcher({
    roots,
    hosts,
    ...(s3Buckets && { s3: s3Buckets }),
    ...(gsBuckets && { gs: gsBuckets }),
    maxBytes: (options.limits ?? defaultPictureLimits).maxBytes,
    timeoutMs: options.timeoutMs ?? 5_000,
    deadlineMs: options.deadlineMs ?? 10_000,
    atATime: options.fetchConcurrency ?? 8,
    bytesInMemory: options.fetchedBytes ?? 256 * 1024 * 1024,
  });
}
