import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReports, type RunningReports } from '#apps/reports';
import { createFactStore, migrate } from '#libs/persistence';
import { withDatabase, type TestDatabase } from '#libs/testing';
import { abStory, rolledBackStory } from './reports-story.js';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (executablePath === undefined) {
  console.warn(
    'SKIPPED: the live page was not looked at in a browser, because no Chromium is installed (apt-get install chromium)',
  );
}

describe.skipIf(executablePath === undefined)('the live page in a real browser', () => {
  let database: TestDatabase;
  let reports: RunningReports;
  let folder: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    database = await withDatabase();
    await migrate(database);
    folder = await mkdtemp(join(tmpdir(), 'teststrip-page-'));
    const bus = { publish: async (): Promise<void> => undefined };
    reports = await startReports({
      database,
      bus,
      pictureRoots: [folder],
      host: '127.0.0.1',
      port: 0,
      liveEveryMs: 50,
    });
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(5_000);
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on(
      'request',
      (request) => request.url().startsWith(reports.url) || complaints.push(`asked elsewhere: ${request.url()}`),
    );
  });
  afterAll(async () => {
    await browser.close();
    await reports.close();
    await database.close();
    await rm(folder, { recursive: true });
  });

  it('says that nothing is there yet, and shows an experiment as soon as it is defined', async () => {
    await page.goto(reports.url);
    await page.getByText('No experiment has been defined yet').waitFor();
    await createFactStore(database).record(database, await rolledBackStory('bad-pictures', folder));
    await page.getByRole('heading', { name: 'bad-pictures' }).waitFor();
    await page.getByRole('link', { name: /bad-pictures/ }).click();
    await page.waitForURL('**/experiments/bad-pictures');
  });

  it('shows status, metrics with interval and verdict, decisions with reasons, and the pictures', async () => {
    await page.getByRole('heading', { name: 'bad-pictures' }).waitFor();
    await page.getByText('rolled back').first().waitFor();
    const alignment = page.getByRole('row', { name: /alignment/ });
    await alignment.getByText('harmful').waitFor();
    expect(await alignment.getByRole('img').first().getAttribute('aria-label')).toContain('margin −0.00314');
    await page.getByRole('listitem').getByText('alignment is worse than its margin: ln E 3.41').waitFor();
    await page.getByText('obeyed after 9 ms, 129 ms after the deciding event').waitFor();
    await page.getByRole('img', { name: /Share of traffic over time/ }).waitFor();
    const worst = page.getByRole('region', { name: 'candidate' }).last().locator('img').first();
    await worst.scrollIntoViewIfNeeded();
    await expect.poll(() => worst.evaluate((image: { naturalWidth: number }) => image.naturalWidth)).toBe(96);
  });

  it('follows what happens without being reloaded', async () => {
    const exposed = page.getByText('Exposed to the candidate').locator('..').locator('dd');
    await expect.poll(() => exposed.textContent()).toMatch(/^34/);
    const [request] = (await rolledBackStory('bad-pictures', folder)).filter(
      ({ type }) => type === 'request.routed.v1',
    );
    await createFactStore(database).record(database, [{ ...request!, id: 'one-more' }]);
    await expect.poll(() => exposed.textContent()).toMatch(/^35/);
  });

  it('shows the objectives of an ab test: utility, gains and the Pareto view', async () => {
    await createFactStore(database).record(database, abStory('cheap-or-fine'));
    await page.goto(`${reports.url}/experiments/cheap-or-fine`);
    const cheap = page.getByRole('row', { name: /^cheap/ });
    await cheap.getByText('★ better').waitFor();
    await cheap.getByText('+6 % (+4 % … +8 %)').waitFor();
    await page.getByRole('row', { name: /^fine/ }).getByText('no gain that matters').waitFor();
    const plane = page.getByRole('img', { name: /Gain of alignment against gain of cost-per-image/ });
    await plane.getByText('cheap ★').waitFor();
    expect(await plane.getAttribute('aria-label')).toContain('cheap: alignment −3 %, cost-per-image +15 %');
  });

  it('asks nobody but its own server and breaks nothing', () => {
    expect(complaints).toEqual([]);
  });

  it('says so when an experiment does not exist', async () => {
    await page.goto(`${reports.url}/experiments/nobody`);
    await page.getByRole('alert').getByText('Unknown experiment').waitFor();
  });
});
