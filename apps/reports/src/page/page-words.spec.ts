import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { commandReason, experimentPhase } from '#libs/contracts';
import { orderInWords, reasonInWords } from '#libs/delivery';
import { analysisReasons } from '#libs/evidence';
import { loadPageFiles } from './page-files.js';

interface PageWords {
  readonly phases: Readonly<Record<string, { readonly word: string }>>;
  readonly reasonText: (code: string) => string;
  readonly commandBadge: (decision: { readonly command: string; readonly reason: string }) => { readonly word: string };
}

// As a browser gets them: the words are not compiled with the others, and the reasons are written out for it.
const folder = await mkdtemp(join(tmpdir(), 'teststrip-page-'));
for (const [name, { bytes }] of await loadPageFiles()) await writeFile(join(folder, name), bytes);
await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
const page = (await import(pathToFileURL(join(folder, 'words.js')).href)) as PageWords;
const format = (await import(pathToFileURL(join(folder, 'format.js')).href)) as {
  readonly marginOnScale: (metric: object) => number | null;
  readonly effect: (value: number, metric: object) => string;
  readonly number: (value: number | null) => string;
};
const table = (await import(pathToFileURL(join(folder, 'metric-table.js')).href)) as {
  readonly marginText: (metric: object, onScale: number | null, isOver: boolean) => string;
};
afterAll(() => rm(folder, { recursive: true }));

describe('words of the page', () => {
  it('names every phase that an experiment can be seen in', () => {
    const seen = experimentPhase.exclude(['quarantined']).options;
    expect(Object.keys(page.phases).toSorted()).toEqual([...seen].toSorted());
    for (const phase of seen) expect(page.phases[phase]?.word).toBe(phase.replaceAll('-', ' '));
  });

  it('gives the reasons of analyses in the words that messages use', () => {
    for (const reason of analysisReasons) expect(page.reasonText(reason), reason).toBe(reasonInWords(reason));
    expect(page.reasonText('no-data: alignment')).toBe(reasonInWords('no-data: alignment'));
  });

  it.each(commandReason.options)('calls a pause because of %s what the command line calls it', (reason) => {
    expect(page.commandBadge({ command: 'pause', reason }).word).toBe(orderInWords({ command: 'pause', reason }));
  });
});

describe('a margin on the page', () => {
  const drawn = { role: 'guardrail', margin: null, lnE: null, scale: 'difference', unit: '' };

  it('is not known yet while it may come, and was never known once all is over', () => {
    expect(table.marginText(drawn, null, false)).toBe('margin not known yet');
    expect(table.marginText(drawn, null, true)).toBe('its margin was never known');
    expect(table.marginText({ ...drawn, lnE: { harmful: 0, nonInferior: 0 } }, null, true)).toBe('no margin');
  });
});

describe('figures of the page', () => {
  it('have no digits of what is left of sums that ought to be 0', () => {
    expect([1.11e-16, -2e-15, 0, 4e-7, 1.11, null].map(format.number)).toEqual([
      '0',
      '0',
      '0',
      '4.00 e-7',
      '1.11',
      '–',
    ]);
  });

  it.each([
    [
      'a rate with a margin of +50 % beside control at 4 %: 2 points worse',
      { kind: 'rate', scale: 'difference', marginKind: 'relative', margin: 0.5, control: 0.04 },
      0.02,
    ],
    [
      'a rate with a margin of half a point',
      { kind: 'rate', scale: 'difference', marginKind: 'absolute', margin: 0.005, control: 0.04 },
      0.005,
    ],
    [
      'a tail in ms, as a share of control',
      { kind: 'upper-tail', scale: 'relative', marginKind: 'relative', margin: 80, control: 800 },
      0.1,
    ],
    [
      'twice as many',
      { kind: 'incidence', scale: 'ln-rate-ratio', marginKind: 'relative', margin: 1, control: 0.1 },
      Math.LN2,
    ],
  ])('draw the margin on the scale of the effect: %s', (_what, { control, ...metric }, expected) => {
    const drawn = format.marginOnScale({ ...metric, direction: 'lower', estimate: { control } });
    expect(drawn).toBeCloseTo(expected, 12);
  });

  it.each([
    [Math.log(1.5), '×1.5'],
    [-Math.log(1e4), '×0'],
    [Math.log(1e4), '×∞'],
  ])('give a ratio of rates as a factor, and none where one variant has no event: %d', (lnRatio, said) => {
    expect(format.effect(lnRatio, { scale: 'ln-rate-ratio' })).toBe(said);
  });
});
