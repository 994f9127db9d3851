import { alone, run } from '#libs/platform';
import { reportsApp } from './reports.app.js';

await run(alone(reportsApp));
