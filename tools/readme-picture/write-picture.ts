import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { openBrowser } from '#libs/testing/browser';

/**
 * Draws docs/images/rollback.png: the page of a `wrong-attribute` story that was really played, right after it was rolled back.
 *
 *   npm run picture -- [seed=2] [file=docs/images/rollback.png]
 */
const root = new URL('../../', import.meta.url);
const [seed = '2', file = fileURLToPath(new URL('docs/images/rollback.png', root))] = process.argv.slice(2);

/** Fits a README's column at twice its resolution. */
const WIDTH = 1280;
const HEIGHT = 1000;
const LEFT_OUT = ['weights', 'decisions', 'objectives', 'metrics', 'variants', 'health'];
const IMAGES_ARE_LOADED =
  'Array.from(document.images).filter((i) => i.getBoundingClientRect().top < innerHeight).every((i) => i.complete && i.naturalWidth > 0)';

const cli = fileURLToPath(new URL('dist/apps/cli/src/main.js', root));
const demo = spawn(process.execPath, [cli, 'demo', '--scenario', 'wrong-attribute', '--seed', seed, '--pause', '600'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(demo, 'exit');
try {
  await writeFile(file, await pictureOf(await finishedPage()));
  process.stdout.write(`${file}\n`);
} finally {
  demo.kill('SIGINT');
  await ended;
}

/** Address of the page that keeps the story. */
async function finishedPage(): Promise<string> {
  for await (const line of createInterface({ input: demo.stdout })) {
    process.stdout.write(`${line}\n`);
    const page = /stay at (http\S+)/.exec(line)?.[1];
    if (page !== undefined) return page;
  }
  throw new Error('the demonstration ended before the story did');
}

async function pictureOf(url: string): Promise<Buffer> {
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: HEIGHT },
      colorScheme: 'dark',
      bypassCSP: true,
    });
    await page.goto(url);
    await page.getByText('✕ wrong').first().waitFor();
    // The verdict and the pictures it is about; what lies between would push them out of sight.
    await page.addStyleTag({ content: `${LEFT_OUT.map((panel) => `.panel-${panel}`).join(', ')} { display: none; }` });
    await page.waitForFunction(IMAGES_ARE_LOADED);
    const png = await page.screenshot();
    return await sharp(png).png({ palette: true, compressionLevel: 9, effort: 10 }).toBuffer();
  } finally {
    await browser.close();
  }
}
