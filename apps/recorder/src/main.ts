import { alone, run } from '#libs/platform';
import { recorderApp } from './recorder.app.js';

await run(alone(recorderApp));
