import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { BatchEventPattern, type EventBatch } from '#libs/messaging';
import type { GenerationScorer } from './generation-scorer.js';
import type { LagWatch } from './lag-watch.js';
import { GENERATION_SCORER, LAG_WATCH } from './tokens.js';

/** Feeds generations to the scorer, one partition's batch at a time; the position moves on when its rows are published. */
@Controller()
export class GenerationsController {
  constructor(
    @Inject(GENERATION_SCORER) private readonly scorer: GenerationScorer,
    @Inject(LAG_WATCH) private readonly lagWatch: LagWatch,
  ) {}

  @BatchEventPattern('generation.completed.v1')
  async score(@Payload() batch: EventBatch<'generation.completed.v1'>): Promise<void> {
    await this.scorer.scoreBatch(
      batch.events.map(({ event }) => event),
      {
        lag: this.lagWatch.lag,
        heartbeat: (done) => batch.heartbeat(batch.events[done]?.record.offset ?? batch.nextOffset),
        isStale: () => batch.isStale(),
      },
    );
  }
}
