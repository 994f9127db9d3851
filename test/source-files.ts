import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** TypeScript sources, without specs, below those of the folders that exist. */
export function sourceFiles(folders: readonly string[]): readonly string[] {
  return folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  );
}
