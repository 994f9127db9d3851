import { needsBus, needsOrderTrust } from '#libs/messaging';
import { needsDatabase } from '#libs/persistence';
import { defineApp, needsTracing } from '#libs/platform';
import type { Analyzer } from './analyzer.js';
import { ANALYZER, AnalyzerModule, type AnalyzerSettings } from './analyzer.module.js';
import { analyzerVariables } from './configuration.js';

/** A second analyzer stands by; whoever starts it need not wait until the first one ends. */
const STANDS_BY_AFTER_MS = 3_000;

/** The analyzer: folds every event into evidence and says what the evidence says. */
export const analyzerApp = defineApp({
  name: 'analyzer',
  summary: 'weighs the evidence',
  variables: analyzerVariables,
  port: 'ANALYZER_PORT',
  needs: { database: needsDatabase, bus: needsBus, trust: needsOrderTrust, tracer: needsTracing },
  settings: (config): AnalyzerSettings => ({
    share: config.ANALYZER_SHARE,
    analyseEveryMs: config.ANALYZER_EVERY_MS,
    snapshotEveryMs: config.ANALYZER_SNAPSHOT_EVERY_MS,
    leaderlessAfterMs: config.ANALYZER_LEADERLESS_AFTER_MS,
  }),
  module: (settings, parts) => AnalyzerModule.register({ ...settings, ...parts }),
  /** Until events published from now on will be analysed, or another analyzer has the lead and this one stands by. */
  async started(nest) {
    const { leading } = nest.get<Analyzer>(ANALYZER);
    await Promise.race([leading, new Promise((resolve) => setTimeout(resolve, STANDS_BY_AFTER_MS).unref())]);
  },
  health: (nest) => [nest.get<Analyzer>(ANALYZER).leadershipCheck],
  expose(nest) {
    const analyzer = nest.get<Analyzer>(ANALYZER);
    return {
      /** Records not folded yet, by topic; empty while another analyzer has the lead. */
      lag: () => analyzer.lag(),
    };
  },
  api: { title: 'Teststrip analyzer', description: 'Whether the evidence is read and weighed.', paths: {} },
});
