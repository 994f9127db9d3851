import { writeFileSync } from 'node:fs';
import { METRICS_PAGE, metricsPage } from './metrics-page.js';

writeFileSync(METRICS_PAGE, metricsPage());
