import { describe, expect, it } from 'vitest';
import { type ExperimentSpec, parseExperimentFile } from '#libs/contracts';
import { knownMetrics } from '#libs/evidence';
import { parseBaseline } from './baseline.js';
import { planExperiment, type PlanQuestion } from './plan-experiment.js';
import { PlanInputError } from './plan-input-error.js';
import { planLines } from './plan-text.js';

const BY_DEFAULT = ['delivery-rate', 'blank-rate', 'undecodable-rate', 'flagged-rate'];

const config = '{ checkpoint: sdxl, precision: fp16, sampler: ddim, steps: 30 }';

/** One stage keeps the simulations short. */
function experiment(
  guardrails: readonly string[],
  kind = 'canary',
  more = 'ramp: { auto: { from: 50% } }',
): ExperimentSpec {
  const text = [
    'apiVersion: teststrip/v1',
    'key: sdxl-int8',
    'service: text-to-image',
    `kind: ${kind}`,
    'variants:',
    `  control: { upstream: "http://a:1", config: ${config} }`,
    `  candidate: { upstream: "http://b:1", config: ${config} }`,
    more,
    'guardrails:',
    ...guardrails.map((guardrail) => `  - { ${guardrail} }`),
    ...(kind === 'canary' ? BY_DEFAULT.map((metric) => `  - { metric: ${metric}, off: true }`) : []),
  ].join('\n');
  return parseExperimentFile(text, 'experiment.yaml', knownMetrics);
}

const usual = { requestsPerHour: 10_000, assumed: [], effects: [], power: 0.8, seed: 1, runs: 20 } as const;

function plan(guardrails: readonly string[], asked: Partial<PlanQuestion> = {}) {
  return planExperiment({ ...usual, spec: experiment(guardrails), ...asked });
}

const ERRORS = 'metric: error-rate, margin: +0.5pp';
const ALIGNMENT = 'metric: alignment, margin: -1%';

describe('a plan', () => {
  it('finds twice the margin where no harm is stated, in the direction that is worse', async () => {
    const { guardrails } = await plan([ERRORS, ALIGNMENT]);
    expect(guardrails.map(({ harm, isStated }) => [harm.kind, harm.value, isStated])).toEqual([
      ['absolute', 0.01, false],
      ['relative', expect.closeTo(-0.02), false],
    ]);
    for (const { found, proven, hours, smallestChange, harm } of guardrails) {
      if (found.missing !== null || proven.missing !== null) throw new Error('expected units');
      expect(found.candidateUnits).toBe(found.units / 2);
      expect(hours.found).toBeCloseTo(found.units / 10_000);
      expect(Math.abs(smallestChange?.value ?? 0)).toBeLessThan(Math.abs(harm.value));
      expect(Math.sign(smallestChange?.value ?? 0)).toBe(Math.sign(harm.value));
    }
  });

  it('says what a shadow takes, and plans the ramp from the share that its pairs usually allow', async () => {
    const shadow = 'ramp: auto\nshadow: { pairs: 350, rate: 10% }';
    const known = await plan([ERRORS], { spec: experiment([ERRORS, ALIGNMENT], 'canary', shadow) });
    expect(known.shadow).toMatchObject({ pairs: 350, requests: 3_500, hours: 0.35, allowedPpm: 200_000 });
    if (known.equal?.missing !== null) throw new Error('expected a course');
    expect(known.equal.rungs.map(({ sharePpm }) => sharePpm)).toEqual([200_000, 500_000]);
    expect(planLines(known).join('\n')).toContain(
      '  350 pairs: at least 3,500 requests (10 % of them copied, at most 4 at a time), 0.35 h\n  half of equal candidates are allowed 20 % then',
    );
    const alone = await plan([ERRORS], {
      spec: experiment([ERRORS], 'canary', 'mode: shadow\nshadow: { pairs: 100 }'),
    });
    expect(alone).toMatchObject({ shadow: { isAll: true, allowedPpm: 10_000 }, equal: null });
  });

  it('promotes an equal candidate and rolls a harmful one back by what is harmed', async () => {
    const change = { kind: 'relative', value: -0.1 } as const;
    const { equal, effects } = await plan([ERRORS, ALIGNMENT], { effects: [{ metric: 'alignment', change }] });
    const harmed = effects[0]?.course;
    if (equal?.missing !== null || harmed?.missing !== null) throw new Error('expected courses');
    expect(equal.promoted).toBeGreaterThan(0.8);
    expect(harmed.rolledBackBy['alignment']).toBeGreaterThan(0.9);
    expect(harmed.untilRollback?.hours?.median).toBeLessThan(equal.untilPromotion?.hours?.median as number);
  });

  it('leaves runs undecided that the deadline cuts off', async () => {
    const { equal, guardrails } = await plan([ERRORS], { requestsPerHour: 20 });
    expect(equal).toMatchObject({ promoted: 0, undecided: 1 });
    expect(guardrails[0]?.smallest.missing).toBe(null);
    expect(guardrails[0]?.smallestChange?.value).toBeGreaterThan(0.02);
  });

  it('says what the proof of an absolute limit takes, and what it needs to know for that', async () => {
    const limited = [
      `${ERRORS}, atMost: 5%`,
      `${ALIGNMENT}, atLeast: 0.2`,
      'metric: latency-p95, margin: +10%, atMost: 2s',
    ];
    const { limits } = await plan(limited);
    const [errors, alignment, latency] = limits;
    if (errors?.proven?.missing !== null || alignment?.proven?.missing !== null) throw new Error('expected units');
    expect(errors).toMatchObject({ kind: 'at-most', value: 0.05, requests: 2 * errors.proven.units });
    expect(errors.proven.units).toBeGreaterThan(100);
    expect(alignment.proven.units).toBeLessThan(500);
    expect(latency).toMatchObject({ proven: null, needs: expect.stringContaining('--assume latency-p95=<quantile>') });
    const known = await plan(limited, {
      assumed: [
        ['latency-p95', '1200±0.3'],
        ['error-rate', '6%'],
      ],
    });
    expect(known.limits[2]).toMatchObject({ needs: null, proven: { missing: null } });
    expect(known.limits[0]?.proven).toEqual({ missing: 'beyond-limit' });
    const text = planLines(known).join('\n');
    expect(text).toMatch(/Absolute limits, for a candidate like control, at 50 % of the traffic/);
    expect(text).toMatch(/error-rate +at most 5 % +beyond-limit/);
  });

  it('lists what it knows too little of, and plans the rest', async () => {
    const { lacking, guardrails, notes } = await plan([ERRORS, 'metric: quality, margin: -2%']);
    expect(lacking).toEqual([{ metric: 'quality', needs: 'pass --assume quality=<mean>±<standard deviation>' }]);
    expect(guardrails.map(({ metric }) => metric)).toEqual(['error-rate']);
    expect(notes.join('\n')).toContain('without quality');
  });

  it('takes what is assumed instead of the default', async () => {
    const wider = await plan([ALIGNMENT], { assumed: [['alignment', '0.3+-0.14']] });
    const narrow = await plan([ALIGNMENT], { assumed: [['alignment', '0.3±0.035']] });
    const units = ({ guardrails }: typeof wider) => {
      const proven = guardrails[0]?.proven;
      return proven?.missing === null ? proven.unitsByGrowth : Number.NaN;
    };
    // Four times the spread: about sixteen times the units.
    expect(units(wider) / units(narrow)).toBeGreaterThan(10);
    expect(units(wider) / units(narrow)).toBeLessThan(22);
    expect(wider.assumed[0]).toEqual({ metric: 'alignment', text: 'mean 0.3, sd 0.14', from: 'caller' });
  });

  it('exchanges the variants where events are good ones: fewer by a factor are as hard to see as more by it', async () => {
    const shares = {
      assumed: [
        ['download-rate', '20%'],
        ['regenerate-rate', '20%'],
      ],
    } as const;
    const { guardrails } = await plan(
      ['metric: download-rate, margin: -20%', 'metric: regenerate-rate, margin: +20%'],
      shares,
    );
    const [good, bad] = guardrails.map(({ proven }) => (proven.missing === null ? proven.unitsByGrowth : Number.NaN));
    expect(good).toBe(bad);
    expect(guardrails[0]?.harm.value).toBeCloseTo(1 / 1.4 - 1);
  });

  it('finds any harm sooner than harm beyond the margin', async () => {
    const beyond = await plan([ERRORS]);
    const any = await plan([`${ERRORS}, rollbackOn: any-harm`]);
    const units = ({ guardrails }: typeof any) => {
      const found = guardrails[0]?.found;
      return found?.missing === null ? found.unitsByGrowth : Number.NaN;
    };
    expect(units(any)).toBeLessThan(units(beyond));
    expect(any.guardrails[0]?.harm).toEqual({ kind: 'absolute', value: 0.01 });
  });

  it('refuses what guards nothing, what can not be, and ab tests', async () => {
    const refused = async (asked: Partial<PlanQuestion>, message: string): Promise<void> => {
      const answer = plan([ERRORS], asked);
      await expect(answer).rejects.toThrow(PlanInputError);
      await expect(answer).rejects.toThrow(message);
    };
    const change = { kind: 'absolute', value: 0.1 } as const;
    await refused({ assumed: [['quality', '1±1']] }, '--assume quality: not a guardrail');
    await refused({ effects: [{ metric: 'quality', change }] }, 'expected one of: error-rate');
    await refused({ assumed: [['error-rate', '0.95±0.1']] }, '--assume error-rate=0.95±0.1: expected');
    await refused({ effects: [{ metric: 'error-rate', change: { ...change, value: -0.1 } }] }, 'no candidate can be');
    await refused({ spec: experiment([ERRORS], 'ab', 'objectives: [{ metric: alignment }]') }, 'expected a canary');
  });

  it('says the steps it takes, and stops where it is told to', async () => {
    const steps: string[] = [];
    await planExperiment({ ...usual, spec: experiment([ERRORS]) }, (done, of, what) => {
      steps.push(`${done}/${of} ${what}`);
    });
    expect(steps).toEqual([
      '0/3 error-rate: requests to decide',
      '1/3 error-rate: smallest effect',
      '2/3 ramp of an equal candidate',
    ]);
    const stop = planExperiment({ ...usual, spec: experiment([ERRORS]) }, () => Promise.reject(new Error('stop')));
    await expect(stop).rejects.toThrow('stop');
  });

  it('is the same for the same seed, in JSON and as text', async () => {
    const [first, second] = [await plan([ERRORS]), await plan([ERRORS])];
    expect(JSON.parse(JSON.stringify(first))).toEqual(second);
    const text = planLines(first).join('\n');
    expect(text).toContain('10,000 requests/h, deadline 24 h (240,000 requests)');
    expect(text).toMatch(/error-rate +\+0\.5 pp +\+1 pp +[\d,]+ /);
    expect(text).toMatch(/requests until promotion +[\d,]+ +[\d,]+ +[\d,]+\n/);
  });
});

describe('a baseline', () => {
  const upper = { name: 'latency-p95', kind: 'upper-tail' } as Parameters<typeof parseBaseline>[0];

  it('of an upper tail is the spread of ln, and the quantile where it is given', () => {
    expect(parseBaseline(upper, '0.4')).toEqual({ kind: 'tail', lnSpread: 0.4, quantile: null });
    expect(parseBaseline(upper, '800±0.4')).toEqual({ kind: 'tail', lnSpread: 0.4, quantile: 800 });
  });

  it.each(['', 'fast', '0', '-1', '1±2±3'])('is no "%s"', (text) => {
    expect(() => parseBaseline(upper, text)).toThrow(PlanInputError);
  });
});
