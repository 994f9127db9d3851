import { alone, run } from '#libs/platform';
import { analyzerApp } from './analyzer.app.js';

await run(alone(analyzerApp));
