import { alone, run } from '#libs/platform';
import { routerApp } from './router.app.js';

await run(alone(routerApp));
