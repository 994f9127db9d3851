import { alone, run } from '#libs/platform';
import { decisionApp } from './decision.app.js';

await run(alone(decisionApp));
