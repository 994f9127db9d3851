import { run } from '#libs/platform';
import { standalone } from './standalone.js';

await run(standalone);
