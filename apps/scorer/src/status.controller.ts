import { Controller, Get, Header, Inject } from '@nestjs/common';
import type { ScoreIdentity } from '#libs/contracts';
import { ProblemException } from '#libs/platform';
import type { Scorer, ScorerHealth } from '#libs/scoring';
import type { ScorerMetrics } from './scorer-metrics.js';
import { SCORER, SCORER_METRICS } from './tokens.js';

/** What the scorer says about itself over HTTP. */
@Controller()
export class StatusController {
  constructor(
    @Inject(SCORER) private readonly scorer: Scorer,
    @Inject(SCORER_METRICS) private readonly metrics: ScorerMetrics,
  ) {}

  /** Answers 200 while the engine can compute: which model, which engine and why, which share is scored. */
  @Get('health')
  health(): ScorerHealth & { readonly status: 'ok'; readonly identity: ScoreIdentity; readonly sampling: object } {
    const health = this.scorer.health();
    if (health.failure !== null) {
      throw new ProblemException({ title: 'Not ready', status: 503, detail: health.failure });
    }
    return { status: 'ok', ...health, identity: this.scorer.identity, sampling: this.metrics.status() };
  }

  /** Prometheus text format. */
  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metricsText(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
