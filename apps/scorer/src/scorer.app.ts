import type { INestApplication } from '@nestjs/common';
import { connectEventBus, needsBus } from '#libs/messaging';
import { defineApp, needsTracing, type HealthFinding } from '#libs/platform';
import type { Scorer } from '#libs/scoring';
import { scorerSettings, scorerVariables } from './configuration.js';
import type { LagWatch } from './lag-watch.js';
import { ScorerModule } from './scorer.module.js';
import type { ScorerMetrics } from './scorer-metrics.js';
import { LAG_WATCH, SCORER, SCORER_METRICS } from './tokens.js';

/** The scorer: looks at every picture that was made and says how well it fits its prompt. */
export const scorerApp = defineApp({
  name: 'scorer',
  summary: 'scores pictures',
  variables: scorerVariables,
  port: 'SCORER_PORT',
  needs: { bus: needsBus, tracer: needsTracing },
  settings: scorerSettings,
  module: (settings, parts) => ScorerModule.register({ ...settings, ...parts }),
  connect(nest, { group = 'scorer' }, { bus }) {
    const probe = async (): Promise<void> => {
      const { failure } = nest.get<Scorer>(SCORER).health();
      if (failure !== null) throw new Error(failure);
    };
    const strategy = connectEventBus(nest, { bus, group, probe });
    return () => {
      if (strategy.current) nest.get<LagWatch>(LAG_WATCH).watch(strategy.current);
    };
  },
  health: (nest) => [
    // Its worker is started again by the next batch.
    { name: 'engine', failureMeans: 'not-ready', look: () => engineFinding(nest) },
  ],
  api: { title: 'Teststrip scorer', description: 'What scores at present, and how much of it.', paths: {} },
});

/** Which model and engine score, why this engine, and which share of the pictures. */
function engineFinding(nest: INestApplication): HealthFinding {
  const scorer = nest.get<Scorer>(SCORER);
  const { failure, ...engine } = scorer.health();
  const metrics = nest.get<ScorerMetrics>(SCORER_METRICS);
  const separation = metrics.separationByService();
  const facts = {
    ...engine,
    identity: scorer.identity,
    sampling: metrics.status(),
    separation,
    pictures: scorer.load(),
  };
  return failure === null ? { ok: true, facts } : { ok: false, reason: `the engine can't compute: ${failure}`, facts };
}
