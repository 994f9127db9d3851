import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

/** Says in one line that an optional part of the tests is left out, and where what it needs is looked for. */
export default function announceReferenceVectors({ name }: TestProject): void {
  const folder = resolve('../shared/vectors');
  if (name !== 'unit' || existsSync(folder)) return;
  process.stdout.write(`No reference vectors in ${folder}: the extra checks against them are skipped.\n`);
}
