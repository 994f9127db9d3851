import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commandReason, experimentPhase } from '#libs/contracts';
import { orderInWords, reasonInWords } from '#libs/delivery';
import { analysisReasons } from '#libs/evidence';

interface PageWords {
  readonly phases: Readonly<Record<string, { readonly word: string }>>;
  readonly reasonText: (code: string) => string;
  readonly commandBadge: (decision: { readonly command: string; readonly reason: string }) => { readonly word: string };
}

// The page is served as it is, so its words are not compiled with the others.
const page = (await import(pathToFileURL(resolve('apps/reports/public/words.js')).href)) as PageWords;

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
