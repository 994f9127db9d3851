import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decisionApp } from '#apps/decision';
import { recorderApp } from '#apps/recorder';
import { reportsApp } from '#apps/reports';
import { decodeEvent, type EncodedEvent, type TeststripEvent } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { createFactStore } from '#libs/persistence/recorder';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { hasBrowser, openBrowser } from '#libs/testing/browser';
import { startLocalIssuer } from '#libs/testing/issuer';
import {
  abStory,
  reviewStory,
  rolledBackStory,
  shadowStory,
  threeObjectivesStory,
  troubledStory,
} from './reports-story.js';
import { recordEvents } from './record-events.js';
import { MARKUP, withMarkup } from './with-markup.js';

if (!hasBrowser()) {
  console.warn(
    'SKIPPED: the live page was not looked at in a browser; npm has a Chromium for Linux on x64, elsewhere install Chrome or Chromium',
  );
}

describe.skipIf(!hasBrowser())('the live page in a real browser', () => {
  let database: TestDatabase;
  let reports: RunningApp;
  let folder: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const published: EncodedEvent[] = [];
  let bus: EventBus;

  beforeAll(async () => {
    database = await withDatabase();
    await migrate(database);
    folder = await mkdtemp(join(tmpdir(), 'teststrip-page-'));
    const memory = await createEventBus({ carrier: 'memory' });
    await ensureTopics(memory, 2);
    bus = {
      ...memory,
      publish: async (records) => {
        published.push(...(records as readonly EncodedEvent[]));
        await memory.publish(records);
      },
    };
    reports = await startApp(reportsApp, {
      resources: { database, bus },
      environment: { AUTH: 'off' },
      settings: { pictureRoots: [folder], liveEveryMs: 50, decisionUrl: undefined },
    });
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(20_000);
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      // One picture of the story is gone, and the browser says so.
      const isGone = message.location().url.includes('/api/pictures/');
      if (message.type() === 'error' && !isGone) complaints.push(message.text());
    });
    page.on(
      'request',
      // The page's own pictures have addresses of its own.
      (request) =>
        request
          .url()
          .replace(/^blob:/, '')
          .startsWith(reports.url) || complaints.push(`asked elsewhere: ${request.url()}`),
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
    await recordEvents(database, createFactStore(database), await rolledBackStory('bad-pictures', folder));
    await page.getByRole('heading', { name: 'bad-pictures' }).waitFor();
    await page.getByRole('link', { name: /bad-pictures/ }).click();
    await page.waitForURL('**/experiments/bad-pictures');
  });

  it('shows status, metrics with interval and verdict, decisions with reasons, and the pictures', async () => {
    await page.getByRole('heading', { name: 'bad-pictures' }).waitFor();
    await page.getByText('rolled back').first().waitFor();
    const alignment = page
      .getByRole('region', { name: 'Metrics', exact: true })
      .getByRole('row', { name: /alignment/ });
    await alignment.getByText('undecided').waitFor();
    expect(await alignment.getByRole('img').first().getAttribute('aria-label')).toContain('margin −1 %');
    await page.getByRole('listitem').getByText('alignment is worse than its margin: ln E 3.41').waitFor();
    await page.getByText('obeyed after 9 ms, 129 ms after the deciding event').waitFor();
    await page.getByRole('img', { name: /Share of traffic over time/ }).waitFor();
    const worst = page.getByRole('region', { name: 'candidate' }).last().locator('img').first();
    await worst.scrollIntoViewIfNeeded();
    await expect.poll(() => worst.evaluate((image: { naturalWidth: number }) => image.naturalWidth)).toBe(96);
  });

  it('keeps the verdict that ended the experiment, as it was, though later analyses say otherwise', async () => {
    const ended = page.locator('section', { has: page.getByRole('heading', { name: 'What ended it' }) });
    await ended.getByText('rolled back').waitFor();
    await ended.getByText('alignment is worse than its margin: ln E 3.41').waitFor();
    const deciding = ended.getByRole('row', { name: /^alignment/ });
    await deciding.getByText('harmful').waitFor();
    await deciding.getByText('−7.96 % · −14.3 % … −1.59 % · margin −1 %').waitFor();
    await deciding.getByText('187 units').waitFor();
    const metrics = page.getByRole('region', { name: 'Metrics', exact: true });
    await metrics
      .getByRole('row', { name: /^alignment/ })
      .getByText('ended the experiment')
      .waitFor();
    expect(await metrics.getByText('harmful').count()).toBe(0);
  });

  it('marks the pictures that show something else, each beside its prompt', async () => {
    const [ofControl, ofCandidate] = ['control', 'candidate'].map((variant) =>
      page.getByRole('region', { name: variant }).first().locator('figure'),
    ) as [Locator, Locator];
    await expect.poll(() => ofCandidate.filter({ hasText: '✕ wrong' }).count()).toBe(8);
    expect(await ofControl.filter({ hasText: 'wrong' }).count()).toBe(0);
    const [picture, prompt] = await Promise.all(
      ['img', '.prompt'].map(async (part) => (await ofCandidate.first().locator(part).boundingBox())!),
    );
    expect(prompt!.x).toBeGreaterThan(picture!.x + picture!.width);
  });

  it('shows a small placeholder for a picture that is gone, without its path, and nothing overflows at any width', async () => {
    const latest = page.getByRole('region', { name: 'candidate' }).last();
    await latest.scrollIntoViewIfNeeded();
    const gone = latest.locator('figure', { has: page.getByRole('img', { name: /^Picture not available/ }) });
    await gone.getByText('no score: the scorer could not get the picture').waitFor();
    expect(await gone.textContent()).not.toContain(folder);
    expect((await gone.locator('.no-picture').boundingBox())!.width).toBeLessThanOrEqual(96);
    for (const width of [1600, 1280, 760, 360]) {
      await page.setViewportSize({ width, height: 900 });
      expect([width, await overflowing(page)]).toEqual([width, []]);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('follows what happens without being reloaded', async () => {
    const exposed = page.getByText('Exposed to the candidate').locator('..').locator('dd');
    await expect.poll(() => exposed.textContent()).toMatch(/^34/);
    const [request] = (await rolledBackStory('bad-pictures', folder)).filter(
      ({ type }) => type === 'request.routed.v1',
    );
    await recordEvents(database, createFactStore(database), [{ ...request!, id: 'one-more' }]);
    await expect.poll(() => exposed.textContent()).toMatch(/^35/);
  });

  it('says beside each metric what its figures leave out, and below what cannot be right, at any width', async () => {
    await recordEvents(database, createFactStore(database), troubledStory('much-to-say'));
    await page.goto(`${reports.url}/experiments/much-to-say`);
    const metrics = page.getByRole('region', { name: 'Metrics', exact: true });
    await metrics.getByText(/^! At most 5 % is allowed.*control is beyond it now, whatever was before\.$/).waitFor();
    await metrics
      .getByText('Not counted for harm: 4 of 200 values of candidate and 31 of 3\u202f100 of control.')
      .waitFor();
    await metrics.getByText('With a value: 70 % of the units of candidate, 98 % of control’s.').waitFor();
    await metrics.getByText(/^Beyond 0.5 to 1.5 lie 5 % \(30 % of their sum\) of candidate’s values/).waitFor();
    await page.getByText('candidate reports timings.totalMs at about 1/1000 of what').waitFor();
    await page.getByText('1\u202f234 percentages where shares were meant').waitFor();
    await page.getByText(/^! The user “crawler-0123.*makes at least 15 % of all requests/).waitFor();
    for (const width of [1280, 760, 360]) {
      await page.setViewportSize({ width, height: 900 });
      expect([width, await overflowing(page)]).toEqual([width, []]);
    }
    const verdict = (await metrics.getByText('undecided').first().boundingBox())!;
    expect(verdict.x + verdict.width).toBeLessThanOrEqual(360);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('shows the objectives of an ab test: utility over what matters, and the gains it is made of', async () => {
    await recordEvents(database, createFactStore(database), abStory('cheap-or-fine'));
    await page.goto(`${reports.url}/experiments/cheap-or-fine`);
    const objectives = page.getByRole('region', { name: 'Objectives' });
    const cheap = objectives.getByRole('row', { name: /^cheap/ });
    await cheap.getByText('★ better').waitFor();
    await cheap.getByText('+6 % · +4 % … +8 %').waitFor();
    const bar = cheap.getByRole('img', { name: /^utility of cheap/ });
    expect(await bar.getAttribute('aria-label')).toBe(
      'utility of cheap +6 %, interval +4 % to +8 %, practically equal from −1 % to +1 %',
    );
    const [zero, rope] = await Promise.all(
      ['.zero', '.rope'].map(async (part) => (await bar.locator(part).boundingBox())!),
    );
    expect(rope!.x + rope!.width / 2).toBeCloseTo(zero!.x + zero!.width / 2, 0);
    await objectives.getByText('proven unable to gain what matters').waitFor();
    const cost = objectives.getByRole('row', { name: /^cost-per-image/ }).first();
    await cost.getByText('+15 % · +13 % … +17 %').waitFor();
    await cost.getByText('50 % of all').waitFor();
  });

  it('draws two objectives as a plane, and says who is beaten by whom', async () => {
    const plane = page.getByRole('img', { name: /Gain in alignment against gain in cost-per-image/ });
    expect(await plane.getAttribute('aria-label')).toContain(
      'cheap: alignment −3 %, cost-per-image +15 %, on the front',
    );
    await plane.getByText('cheap ★').waitFor();
    const centre = async (name: RegExp): Promise<{ x: number; y: number }> => {
      const { x, y, width, height } = (await plane.locator('.point').filter({ hasText: name }).boundingBox())!;
      return { x: x + width / 2, y: y + height / 2 };
    };
    const [control, cheap, fine] = await Promise.all([centre(/^control/), centre(/^cheap/), centre(/^fine/)]);
    expect([cheap.x < control.x, cheap.y < control.y]).toEqual([true, true]);
    expect([fine.x > control.x, fine.y > control.y]).toEqual([true, true]);
    await page.getByRole('listitem').getByText('control and fine are proven better on every objective').waitFor();
  });

  it('shows any other number of objectives as a table, what is not known yet included', async () => {
    await recordEvents(database, createFactStore(database), threeObjectivesStory('three-aims'));
    await page.goto(`${reports.url}/experiments/three-aims`);
    const table = page.getByRole('region', { name: 'Pareto view' });
    await table.getByRole('row', { name: /^even/ }).getByText('on the front').waitFor();
    await table
      .getByRole('row', { name: /^control/ })
      .getByText('behind the front')
      .waitFor();
    await table
      .getByRole('row', { name: /^young/ })
      .getByText('not known yet')
      .waitFor();
    const young = page.getByRole('region', { name: 'Objectives' }).getByRole('row', { name: /^young/ });
    await young.getByText('cost-per-image: it has no interval yet').waitFor();
    expect(await page.locator('svg.pareto').count()).toBe(0);
  });

  it('shows how far a shadow is, what its pairs say of each metric, and the share that they allow', async () => {
    await recordEvents(database, createFactStore(database), shadowStory('in-the-dark'));
    await page.goto(`${reports.url}/experiments/in-the-dark`);
    await page.getByRole('listitem').getByText('shadow: 212 of 350 pairs', { exact: true }).waitFor();
    await page.getByText(/^They allow 5 % of the traffic; alignment allows least; the ramp may begin at 5 %/).waitFor();
    await page
      .getByText(/75 % of 200 pairs of pictures are equal in every pixel. No pairs: 3 copies never ended/)
      .waitFor();
    const alignment = page.getByRole('region', { name: 'Metrics by pairs' }).getByRole('row', { name: /^alignment/ });
    await alignment.getByText('212 pairs').first().waitFor();
    for (const width of [1280, 760, 360]) {
      await page.setViewportSize({ width, height: 900 });
      expect([width, await overflowing(page)]).toEqual([width, []]);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('has no section of objectives where an experiment has none', async () => {
    await page.goto(`${reports.url}/experiments/bad-pictures`);
    await page.getByRole('heading', { name: 'Metrics' }).waitFor();
    await page
      .getByRole('row', { name: /alignment/ })
      .first()
      .waitFor();
    expect(await page.getByRole('heading', { name: 'Objectives' }).count()).toBe(0);
    expect(await page.getByRole('heading', { name: 'Shadow' }).count()).toBe(0);
  });

  it('has people judge pairs by keys, tells nothing of whose picture is where, and takes answers back', async () => {
    await recordEvents(database, createFactStore(database), await reviewStory('to-judge', folder));
    const asked: string[] = [];
    page.on('request', (request) => void asked.push(request.url()));
    await page.goto(`${reports.url}/review`);
    await page.getByRole('link', { name: /to-judge/ }).click();
    await page.getByLabel('Your name').fill('ana');
    await page.getByRole('button', { name: 'Begin' }).click();
    const progress = page.getByRole('status').filter({ hasText: / of 6/ });
    await progress.getByText('0 of 6 pairs').waitFor();
    await progress
      .getByText('The step to 5 % of the traffic takes 30 judgements of pictures, from everybody together: 0 so far')
      .waitFor();
    const [left, right] = ['Picture 1', 'Picture 2'].map((name) => page.getByRole('img', { name }));
    const press = async (key: string, done: number): Promise<void> => {
      await left!.waitFor();
      await right!.waitFor();
      await page.keyboard.press(key);
      await progress.getByText(`${done} of 6`).waitFor();
    };
    await press('1', 1);
    await press('u', 0);
    expect(await page.content()).not.toMatch(/control|candidate|generation/);
    await press('2', 1);
    await press('0', 2);
    await press('1', 3);
    expect(asked.filter((url) => /control|candidate|generation/.test(url))).toEqual([]);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      expect([width, await overflowing(page)]).toEqual([width, []]);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(reports.url);
    await expect.poll(() => judgementsIn(published).length, { timeout: 10_000 }).toBe(3);
    expect(
      judgementsIn(published)
        .map(({ data }) => data.preferred)
        .toSorted(),
    ).toEqual(['left', 'right', 'tie']);
    for (const { data } of judgementsIn(published)) {
      expect(data).toMatchObject({ experiment: 'to-judge', revision: 1, rater: 'ana' });
      expect([data.left.variant, data.right.variant].toSorted()).toEqual(['candidate', 'control']);
    }
    await recordEvents(database, createFactStore(database), judgementsIn(published));
    await page.goto(`${reports.url}/review/to-judge`);
    await page.getByText('3 of 6').waitFor();
  });

  it('gives orders to whoever signs in and may, with a token or at an issuer, after it has said what will happen', async () => {
    const issuer = await startLocalIssuer({ clientId: 'teststrip-page' });
    const token = 'the-token-of-otto';
    const identities = join(folder, 'identities.json');
    const sha256 = createHash('sha256').update(token).digest('hex');
    await writeFile(identities, JSON.stringify({ identities: [{ name: 'otto', sha256, roles: { '*': 'operator' } }] }));
    const environment = {
      DATA_DIR: folder,
      IDENTITIES: identities,
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'teststrip-page',
      OIDC_CLIENT_ID: 'teststrip-page',
      OPEN_READS: 'true',
      // Nobody listens there.
      GATES: 'smoke=http://127.0.0.1:9/gate',
      GATE_ASK_AGAIN_MS: '20',
      NOTIFY_SECRET: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
    };
    const resources = { database, bus };
    const [decision, recorder] = await Promise.all([
      startApp(decisionApp, { resources, environment, settings: { tickEveryMs: 20 } }),
      startApp(recorderApp, { resources, environment }),
    ]);
    const signed = await startApp(reportsApp, {
      resources,
      environment,
      settings: { pictureRoots: [folder], liveEveryMs: 50, decisionUrl: decision.url },
    });
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const ask = (path: string, body?: string, contentType = 'application/json'): Promise<Response> =>
      fetch(decision.url + path, {
        headers: { 'content-type': contentType, authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { method: 'POST', body }),
      });
    try {
      const operator = await context.newPage();
      operator.setDefaultTimeout(20_000);
      const files = [ORDERED, ORDERED.replaceAll('ordered', 'taken-back'), GATED];
      for (const file of files) {
        const key = /^key: (.*)$/m.exec(file)![1];
        const applied = await ask('/v1/experiments', file, 'application/yaml');
        expect(applied.status, await applied.text()).toBe(201);
        await expect
          .poll(async () => (await fetch(`${signed.url}/api/experiments/${key}`)).status, { timeout: 20_000 })
          .toBe(200);
      }
      await operator.goto(`${signed.url}/experiments/gated`);
      await operator.getByText(/^Before 10 % the ramp waits for gate smoke, which gives no answer: “/).waitFor();
      await operator.goto(`${signed.url}/experiments/ordered`);
      await operator.getByRole('heading', { name: 'Metrics' }).waitFor();
      const orders = operator.getByRole('group', { name: 'Orders' });
      const dialog = operator.getByRole('dialog');
      expect(await orders.getByRole('button').count()).toBe(0);

      await operator.getByRole('button', { name: 'Sign in' }).click();
      await operator.getByLabel('Your token').fill('guessed');
      await dialog.getByRole('button', { name: 'Sign in' }).click();
      await operator.getByText('nobody has this token').waitFor();
      await operator.getByLabel('Your token').fill(token);
      await dialog.getByRole('button', { name: 'Sign in' }).click();
      await operator.getByText('otto', { exact: true }).waitFor();

      await orders.getByRole('button', { name: 'Roll back' }).click();
      await operator.getByText('10 % of the traffic goes back to control now, for good.').waitFor();
      await operator.getByRole('button', { name: 'Cancel' }).click();
      await orders.getByRole('button', { name: 'Pause' }).click();
      await operator.getByLabel('Why').fill('we look at it first');
      // Somebody else orders something meanwhile.
      const between = await ask('/v1/experiments/ordered/approve', '{"reason": "fine"}');
      expect(between.status).toBe(200);
      const confirm = dialog.getByRole('button', { name: 'Pause' });
      await confirm.click();
      await operator.getByText(/^Something was decided since you looked/).waitFor();
      await confirm.click();
      await orders.getByRole('button', { name: 'Resume' }).waitFor();
      await operator.getByRole('listitem').getByText('we look at it first').waitFor();

      const signInAtIssuer = async (sub: string, role: string): Promise<void> => {
        issuer.signsIn({ sub, teststrip: { 'ordered-service': role, 'taken-back-service': role } });
        await operator.getByRole('button', { name: 'Sign out' }).click();
        await operator.getByRole('button', { name: 'Sign in' }).click();
        await dialog.getByRole('button', { name: `Go to ${new URL(issuer.url).host}` }).click();
        await operator.getByText(sub, { exact: true }).waitFor();
      };
      const order = async (label: string): Promise<void> => {
        await orders.getByRole('button', { name: label, exact: true }).click();
        await operator.getByLabel('Why').fill(`${label} from the page`);
        await dialog.getByRole('button', { name: label, exact: true }).click();
        await dialog.waitFor({ state: 'detached' });
      };
      await signInAtIssuer('vera', 'viewer');
      expect(new URL(operator.url()).pathname).toBe('/experiments/ordered');
      await operator.getByRole('heading', { name: 'Metrics' }).waitFor();
      expect(await orders.getByRole('button').count()).toBe(0);
      await signInAtIssuer('anna', 'operator');
      await order('Promote');
      await orders.getByRole('button', { name: 'New attempt' }).waitFor();
      await operator.goto(`${signed.url}/experiments/taken-back`);
      await order('Approve 100 %');
      await order('Freeze service');
      await orders.getByRole('button', { name: 'Unfreeze service' }).waitFor();
      expect(await orders.getByRole('button', { name: 'Resume' }).count()).toBe(0);
      await order('Unfreeze service');
      await orders.getByRole('button', { name: 'Freeze service', exact: true }).waitFor();
      await order('Roll back');
      await orders.getByRole('button', { name: 'Retry' }).waitFor();
      const told = async (key: string): Promise<unknown> =>
        ((await (await ask(`/v1/experiments/${key}/decisions`)).json()) as { readonly decisions: unknown }).decisions;
      expect(await told('ordered')).toEqual(expect.arrayContaining([byAnna('promoted')]));
      expect(await told('taken-back')).toEqual(expect.arrayContaining([byAnna('approved'), byAnna('rolled-back')]));

      // A link of somebody else's sign-in.
      await operator.goto(`${signed.url}/signed-in?code=theirs&state=theirs`);
      await operator.getByRole('alert').getByText('this tab did not ask for it').waitFor();
    } finally {
      await context.close();
      for (const app of [signed, recorder, decision]) await app.close();
      issuer.close();
    }
  }, 120_000);

  it(
    'shows markup in whatever others say as text, the content security policy aside',
    { tags: 'long', timeout: 60_000 },
    async () => {
      const context = await browser.newContext({ bypassCSP: true });
      const fooled = await context.newPage();
      fooled.setDefaultTimeout(8_000);
      fooled.on('pageerror', ({ message }) => complaints.push(message));
      fooled.on('request', (request) => {
        const address = request.url().replace(/^blob:/, '');
        if (!address.startsWith(reports.url)) complaints.push(address);
      });
      try {
        const stories = {
          'marked-pictures': await rolledBackStory('marked-pictures', folder),
          'marked-troubles': troubledStory('marked-troubles'),
          'marked-aims': threeObjectivesStory('marked-aims'),
          'marked-pairs': await reviewStory('marked-pairs', folder),
        };
        await recordEvents(database, createFactStore(database), Object.values(stories).flat().map(withMarkup));
        for (const experiment of Object.keys(stories)) {
          await fooled.goto(`${reports.url}/experiments/${encodeURIComponent(experiment + MARKUP)}`);
          await fooled.getByRole('heading', { name: `${experiment}${MARKUP}` }).waitFor();
          await fooled.getByText(MARKUP).nth(3).waitFor({ state: 'attached' });
          expect([experiment, await strangeMarkup(fooled)]).toEqual([experiment, []]);
        }
        await fooled.goto(reports.url);
        await fooled.getByRole('link', { name: `marked-pairs${MARKUP}` }).waitFor();
        expect(await strangeMarkup(fooled)).toEqual([]);
        await fooled.goto(`${reports.url}/review/${encodeURIComponent(`marked-pairs${MARKUP}`)}`);
        await fooled.getByLabel('Your name').fill(MARKUP);
        await fooled.getByRole('button', { name: 'Begin' }).click();
        await fooled.getByText(MARKUP).first().waitFor({ state: 'attached' });
        await fooled.getByRole('img', { name: 'Picture 1' }).waitFor();
        await fooled.keyboard.press('1');
        await fooled.getByText('1 of 6').waitFor();
        expect(await strangeMarkup(fooled)).toEqual([]);
      } finally {
        await context.close();
      }
    },
  );

  it('asks nobody but its own server and breaks nothing', () => {
    expect(complaints).toEqual([]);
  });

  it('says so when an experiment does not exist', async () => {
    await page.goto(`${reports.url}/experiments/nobody`);
    await page.getByRole('alert').getByText('Unknown experiment').waitFor();
  });
});

/** What a text has become that was taken for markup: handlers, scripts of others, links that run something, and whether any ran. */
function strangeMarkup(page: Page): Promise<readonly string[]> {
  return page.evaluate(`[
    ...[...document.querySelectorAll('*')].filter(({ attributes }) => [...attributes].some(({ name }) => name.startsWith('on'))),
    ...[...document.scripts].filter(({ src }) => !src.startsWith(location.origin + '/page/')),
    ...[...document.querySelectorAll('a')].filter(({ href }) => !href.startsWith(location.origin)),
  ].map(({ outerHTML }) => outerHTML).concat(window.ran ? ['it ran'] : [])`);
}

function byAnna(kind: string): unknown {
  return expect.objectContaining({ kind, actor: 'anna' });
}

function judgementsIn(records: readonly EncodedEvent[]): readonly TeststripEvent<'preference.judged.v1'>[] {
  return records
    .map((record) => decodeEvent(record) as TeststripEvent)
    .filter((event) => event.type === 'preference.judged.v1');
}

const ORDERED = `apiVersion: teststrip/v1
key: ordered
service: ordered-service
kind: canary
variants:
  control: { upstream: "http://127.0.0.1:9", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:9", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30 } }
ramp: [{ weight: 10% }, { weight: 100%, approval: required }]
guardrails: [{ metric: error-rate, margin: +5pp }]
`;

const GATED = ORDERED.replaceAll('ordered', 'gated').replace(
  '{ weight: 10% }',
  '{ weight: 10%, gates: { before: [smoke] } }',
);

/** What reaches beyond its container, and the page beyond the window; tables scroll in a region of their own. */
function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { document, innerWidth } = globalThis as unknown as {
      document: { querySelectorAll(selector: string): Iterable<Measured>; documentElement: Measured };
      innerWidth: number;
    };
    interface Measured {
      readonly className: unknown;
      readonly tagName: string;
      readonly scrollWidth: number;
      readonly clientWidth: number;
      closest(selector: string): Measured | null;
    }
    const wide = [...document.querySelectorAll('main *')].filter(
      (element) =>
        element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1 && element.closest('.scroll') === null,
    );
    const said = wide.map(({ tagName, className }) => `${tagName}.${String(className)}`);
    return document.documentElement.scrollWidth > innerWidth ? ['the page', ...said] : said;
  });
}
