import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sourceFiles } from './source-files.js';

/** What is named the same way and is none: a channel of Postgres. */
const NO_METRICS: ReadonlySet<string> = new Set(['teststrip_decisions', 'teststrip_outbox', 'teststrip_']);

/** Names of metrics as the sources register them. */
const registered = new Set(
  sourceFiles(['apps', 'libs'])
    .filter((file) => !file.endsWith('.spec.ts'))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/'(teststrip_[a-z_]+)'/g)].map(([, name]) => name!))
    .filter((name) => !NO_METRICS.has(name)),
);

const read = (path: string): string => readFileSync(path, 'utf8');

/** Metrics that a text names, without what Prometheus adds for histograms. */
function namedIn(text: string): readonly string[] {
  const names = [...text.matchAll(/teststrip_[a-z_]+/g)].map(([name]) => name);
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')))];
}

describe('what watches the services', () => {
  it.each(['docker/monitoring/grafana-dashboard.json', 'docker/monitoring/alerts.yaml', 'docs/monitoring.md'])(
    '%s names metrics that exist',
    (path) => {
      const names = namedIn(read(path).replaceAll('teststrip_(router|decision)_foreign_orders_total', ''));
      expect(names.length).toBeGreaterThan(8);
      expect(names.filter((name) => !registered.has(name))).toEqual([]);
    },
  );

  it('every metric is on the page', () => {
    const onPage = new Set(namedIn(read('docs/monitoring.md')));
    expect(registered.size).toBeGreaterThan(30);
    expect([...registered].filter((name) => !onPage.has(name))).toEqual([]);
  });

  it('every alert says what to do', () => {
    const { groups } = parse(read('docker/monitoring/alerts.yaml')) as { groups: { rules: { alert: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    const page = read('docs/monitoring.md');
    expect(alerts.length).toBeGreaterThan(5);
    expect(alerts.filter((alert) => !page.includes(`| \`${alert}\` |`))).toEqual([]);
  });
});
