import { alone, run } from '#libs/platform';
import { scorerApp } from './scorer.app.js';

await run(alone(scorerApp));
