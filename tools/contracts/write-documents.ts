import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { contractDocuments } from '#libs/contracts';

/** Writes the generated contract documents: `npm run contracts`. */
const folder = 'libs/contracts/generated';
for (const [name, document] of contractDocuments()) {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(document, null, 2)}\n`);
}
process.stdout.write(`${contractDocuments().size} documents written to ${folder}\n`);
