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
  readonly gateWords: (gate: object, standing: object) => string;
  readonly unansweredWords: (unanswered: object) => string;
  readonly commandBadge: (decision: { readonly command: string; readonly reason: string }) => { readonly word: string };
}

interface PageOrder {
  readonly order: string;
  readonly label: string;
  readonly says: string;
}

interface PageJudging {
  add(pairs: readonly { readonly id: string }[]): void;
  judge(preferred: string, nowMs: number): void;
  undo(): void;
  takeDue(nowMs: number, all?: boolean): readonly { readonly preferred: string }[];
  readonly current: { readonly id: string } | undefined;
  readonly canUndo: boolean;
  readonly judged: number;
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
const { ordersFor } = (await import(pathToFileURL(join(folder, 'consequences.js')).href)) as {
  readonly ordersFor: (standing: object, unproven?: readonly object[]) => readonly PageOrder[];
};
const { Judging } = (await import(pathToFileURL(join(folder, 'judging.js')).href)) as {
  readonly Judging: new () => PageJudging;
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

/** A canary at 25 %, as the decision service tells it. */
const canary = (more: object = {}): object => {
  const stages = [50_000, 250_000, 1_000_000].map((weightPpm, index) => ({
    weightPpm,
    approval: index === 2 ? 'required' : 'none',
  }));
  return {
    phase: 'running',
    service: 'text-to-image',
    spec: { variants: { control: {}, candidate: {} }, control: 'control', ramp: { stages } },
    weightsPpm: { control: 750_000, candidate: 250_000 },
    stage: { index: 1 },
    approvals: { given: [], awaited: null },
    dropped: [],
    fingerprints: { candidate: 'abc' },
    shadow: null,
    ...more,
  };
};
const saysOf = (order: string, standing: object, unproven: readonly object[] = []): string =>
  ordersFor(standing, unproven).find((one) => one.order === order)?.says ?? '(not offered)';
const offered = (standing: object): readonly string[] => ordersFor(standing).map(({ label }) => label);

describe('orders on the page', () => {
  it('say what will happen, in numbers', () => {
    expect(saysOf('rollback', canary())).toMatch(/^25 % of the traffic goes back to control now, for good\./);
    expect(saysOf('pause', canary())).toContain('candidate has 25 % of the traffic until somebody resumes it');
    expect(saysOf('promote', canary(), [{ candidate: 'candidate', metric: 'alignment' }])).toMatch(
      /^candidate gets all of the traffic: 75 % moves to it now.* Not proven yet: alignment\./,
    );
    expect(saysOf('approve', canary())).toBe(
      'The share of candidate may rise from 25 % to 100 % of the traffic as soon as everything that it takes is proven.',
    );
    expect(saysOf('approve', canary({ approvals: { given: [], awaited: 2 } }))).toContain('now: everything else');
    const ofSlot = canary({
      spec: { variants: { control: {}, candidate: {} }, control: 'control', slot: 'portraits', ramp: { stages: [] } },
    });
    expect(saysOf('rollback', ofSlot)).toContain('25 % of the traffic of slot portraits of text-to-image goes back');
  });

  it('are those that the phase allows', () => {
    expect(offered(canary())).toEqual(['Approve 100 %', 'Pause', 'Freeze service', 'Promote', 'Roll back']);
    expect(offered(canary({ phase: 'paused' }))).toEqual(['Resume', 'Freeze service', 'Promote', 'Roll back']);
    expect(offered(canary({ phase: 'paused', serviceMode: 'open' }))).toContain('Resume');
    const frozen = canary({ phase: 'paused', serviceMode: 'paused' });
    expect(offered(frozen)).toEqual(['Unfreeze service', 'Promote', 'Roll back']);
    expect(saysOf('unfreeze', frozen)).toMatch(/^All ramps of text-to-image go on .* because it is frozen/);
    expect(saysOf('freeze', canary())).toMatch(
      /^All ramps of text-to-image stand still .* Proven harm still rolls back/,
    );
    expect(offered(canary({ phase: 'rolled-back' }))).toEqual(['Retry', 'New attempt']);
    expect(offered(canary({ phase: 'promoted' }))).toEqual(['New attempt']);
    const inShadow = canary({ shadow: { pairs: 350 }, stage: null, weightsPpm: { control: 1_000_000, candidate: 0 } });
    expect(offered(inShadow)).not.toContain('Promote');
    expect(saysOf('rollback', inShadow)).toMatch(/^No traffic moves: nobody is served by candidate\./);
    expect(offered({ phase: 'quarantined', control: 'control', weightsPpm: { control: 900_000 } })).toEqual([
      'Roll back',
    ]);
  });

  it('name the candidate where there are several, and drop one of them', () => {
    const several = canary({
      spec: { variants: { control: {}, a: {}, b: {}, c: {} }, control: 'control', ramp: { stages: [] } },
      weightsPpm: { control: 800_000, a: 100_000, b: 100_000, c: 0 },
      dropped: ['c'],
    });
    expect(offered(several)).toEqual([
      'Pause',
      'Freeze service',
      'Promote a',
      'Promote b',
      'Drop a',
      'Drop b',
      'Roll back',
    ]);
    expect(saysOf('drop-arm', several)).toMatch(/^10 % of the traffic goes from a to control\./);
    expect(saysOf('rollback', several)).toMatch(/^20 % /);
  });
});

const gateSaid = (answer: string | null, reason = '', when = 'before'): string =>
  page.gateWords({ stage: 1, when, gate: 'load-test', answer, reason }, canary());

it('a gate that is waited for is named with its step and what it said last', () => {
  expect(gateSaid(null)).toBe('Before 25 % the ramp waits for gate load-test, which has not answered yet');
  expect(gateSaid('wait', 'warming up', 'after')).toBe(
    'Before what follows 25 % the ramp waits for gate load-test, which says to wait: “warming up”',
  );
  expect(gateSaid('none', 'no answer within 10 s')).toMatch(/, which gives no answer: “no answer within 10 s”$/);
  expect(gateSaid('deny', 'p95 is 2 s')).toMatch(/^Gate load-test denies 25 %: “p95 is 2 s”\. Take it out of the file/);
});

it('requests that keep a share from rising are told with how many there would be by control', () => {
  expect(page.unansweredWords({ candidate: 'int8', requests: 41, seconds: 8, expected: 2.6 })).toBe(
    '41 requests of int8 have had no answer for more than 8 s (by control it would be 3): its share does not rise before they end',
  );
});

const pairs = (...ids: string[]): readonly { id: string }[] => ids.map((id) => ({ id }));

describe('judgements of one person', () => {
  it('can be taken back until they are sent: the last five, for half a minute', () => {
    const judging = new Judging();
    judging.add(pairs('a', 'b', 'c', 'd', 'e', 'f', 'g'));
    ['left', 'tie', 'right', 'left', 'tie', 'right'].forEach((preferred, index) => judging.judge(preferred, index));
    expect(judging.takeDue(10).map(({ preferred }) => preferred)).toEqual(['left']);
    judging.undo();
    expect([judging.current?.id, judging.judged]).toEqual(['f', 5]);
    expect(judging.takeDue(29_999)).toEqual([]);
    expect(judging.takeDue(30_002).map(({ preferred }) => preferred)).toEqual(['tie', 'right']);
    expect(judging.takeDue(30_002, true).map(({ preferred }) => preferred)).toEqual(['left', 'tie']);
    expect(judging.canUndo).toBe(false);
  });

  it('are never asked for twice, also where the server does not know of them yet', () => {
    const judging = new Judging();
    judging.add(pairs('a', 'b'));
    judging.judge('left', 0);
    judging.add(pairs('a', 'b', 'c'));
    judging.judge('left', 0);
    expect(judging.current?.id).toBe('c');
  });
});
