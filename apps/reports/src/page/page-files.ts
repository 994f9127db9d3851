import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonWords } from '#libs/delivery';

export interface PageFile {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** The files of the page by name, read once: nothing else of the file system can be asked for. */
export type PageFiles = ReadonlyMap<string, PageFile>;

export async function loadPageFiles(): Promise<PageFiles> {
  const folder = join(packageRoot(), 'apps', 'reports', 'public');
  const names = await readdir(folder);
  const files = await Promise.all(
    names
      .filter((name) => contentTypes[extname(name)] !== undefined)
      .map(async (name): Promise<[string, PageFile]> => {
        const contentType = contentTypes[extname(name)] as string;
        return [name, { contentType, bytes: await readFile(join(folder, name)) }];
      }),
  );
  return new Map([...files, ['reasons.js', reasonsFile()]]);
}

/** The page's words for reasons are those of messages; a browser can't import them, so they are written out for it. */
function reasonsFile(): PageFile {
  const bytes = Buffer.from(`export const reasons = ${JSON.stringify(reasonWords, null, 2)};\n`);
  return { contentType: contentTypes['.js'] as string, bytes };
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The sources and the build lie at different depths below the same package.json; the page's files are not compiled. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`);
    folder = dirname(folder);
  }
  return folder;
}
