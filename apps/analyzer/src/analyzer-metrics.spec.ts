import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { topics } from '#libs/contracts';
import { AnalyzerMetrics } from './analyzer-metrics.js';

const { example: analysis } = topics.experimentAnalysed;

it('says what the newest analysis proves, how old the evidence is that is saved, and how long an event takes to count', async () => {
  const registry = new Registry();
  const metrics = new AnalyzerMetrics(registry);
  const said = () => registry.metrics();
  expect(await said()).not.toMatch(/^teststrip_analyzer_snapshot_age_seconds/m);
  metrics.published(analysis, Date.parse(analysis.newestEventAt!) + 40);
  metrics.snapshot(true, performance.now() - 20);
  metrics.snapshot(false, performance.now());
  const text = await said();
  const of = `experiment="${analysis.experiment}",candidate="candidate",metric="alignment"`;
  expect(text).toContain(`teststrip_analysis_ln_e{${of},hypothesis="harmful"} -1.21`);
  expect(text).toContain(`teststrip_analysis_ln_e{${of},hypothesis="non-inferior"} 1.94`);
  expect(text).toContain('teststrip_hop_seconds_sum{hop="event-to-analysis"} 0.04');
  expect(text).toContain('teststrip_analyzer_snapshot_seconds_count{outcome="saved"} 1');
  expect(text).toContain('teststrip_analyzer_snapshot_seconds_count{outcome="failed"} 1');
  expect(text).toMatch(/teststrip_analyzer_snapshot_age_seconds 0\.0\d*/);
  metrics.standsBy();
  expect(await said()).not.toMatch(/^teststrip_(analysis_ln_e|analyzer_snapshot_age_seconds)/m);
});
