import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { METRICS_PAGE, metricsPage } from './metrics-page.js';

it('the page of the metrics says what the catalogue says; `npm run docs:metrics` writes it', () => {
  expect(readFileSync(METRICS_PAGE, 'utf8')).toBe(metricsPage());
});
