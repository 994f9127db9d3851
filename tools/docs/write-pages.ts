import { writeFileSync } from 'node:fs';
import { generatedPages } from './pages.js';

/** Writes the generated pages: `npm run docs`. */
for (const [path, text] of generatedPages()) {
  writeFileSync(path, text);
  process.stdout.write(`${path}\n`);
}
