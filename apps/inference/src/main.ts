import { alone, run } from '#libs/platform';
import { inferenceApp } from './inference.app.js';

await run(alone(inferenceApp));
