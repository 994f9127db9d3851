import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import type { ExperimentSpec, MetricAnalysis, TeststripEvent } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { analysisOf } from '#libs/testing/traffic';
import { everythingGuarded, fullTraffic, ownMetrics, type FullTraffic } from '#libs/testing/traffic';
import { definition } from '#libs/testing/traffic';
import { momentsOf } from '#libs/statistics';
import { bettingDesignOf } from '../kinds/baseline-betting.js';
import { fixedOf, initialBaseline } from '../kinds/baseline.js';
import {
  type Analysis,
  canDecide,
  evidenceDesign,
  metricCatalogue,
  knownMetrics,
  type ObservedEvent,
} from '../index.js';

const deciding = [
  ...metricCatalogue.filter(({ kind }) => canDecide(kind)).map(({ name }) => name),
  'quality.clean',
  ...ownMetrics.map(({ name }) => name),
];
const watched = metricCatalogue.filter(({ kind }) => !canDecide(kind)).map(({ name }) => name);

function analysed(traffic: FullTraffic, spec: Partial<ExperimentSpec> = {}): Analysis {
  const events = fullTraffic(traffic);
  return analysisOf(evidenceDesign(everythingGuarded(deciding, watched, spec), 2), events, 2);
}

function metric({ metrics }: Analysis, name: string): MetricAnalysis {
  return metrics.find((candidate) => candidate.metric === name) as MetricAnalysis;
}

/** What is said of ratings that are worse, by a guardrail on trial with a relative margin. */
const tried = (value: number): MetricAnalysis => {
  const dryRun = [{ metric: 'rating', margin: { kind: 'relative', value }, rollbackOn: 'beyond-margin' } as const];
  const [first] = definition().spec.guardrails;
  const design = evidenceDesign(definition({ guardrails: [first as NonNullable<typeof first>], dryRun }), 2);
  return metric(analysisOf(design, fullTraffic({ requests: 1_500, candidate: { ratingMean: 2.5 } }), 2), 'rating');
};

/** Control's, where all pictures have these scores. */
function qualityOf(quality: Readonly<Record<string, number>>): number | null {
  const events = fullTraffic({ requests: 400 }).map((event) =>
    event.type === 'image.scored.v1' && event.data.outcome === 'scored'
      ? { ...event, data: { ...event.data, quality } }
      : event,
  );
  return metric(analysisOf(evidenceDesign(definition(), 1), events, 1), 'quality').estimate.control;
}

/** Whether the engine reads the properties of all of them at the same places, instead of looking each one up by its name. */
function areOfOneShape(objects: readonly object[]): boolean {
  setFlagsFromString('--allow-natives-syntax');
  const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;
  const areAlike = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: object, b: object) => boolean;
  return objects.every((object) => isFast(object) && areAlike(object, objects[0] as object));
}

describe('the metrics of a design', () => {
  it('have all the same properties in the same order, whatever their kind: the fold reads them at the same places', () => {
    const { metrics } = evidenceDesign(everythingGuarded(deciding, watched), 2);
    expect(new Set(metrics.map((one) => Object.keys(one).join())).size).toBe(1);
    expect(new Set(metrics.map((one) => Object.keys(one.definition).join())).size).toBe(1);
    expect(areOfOneShape(metrics.map((one) => one.definition))).toBe(true);
  });

  it('are bet on by designs of one shape, whatever their bounds', () => {
    const { metrics } = evidenceDesign(everythingGuarded(deciding, watched), 2);
    const designs = metrics.flatMap((one) => {
      if (one.test === null || one.definition.kind !== 'mean') return [];
      const fixed = fixedOf(momentsOf([1, 2, 3]), [1, 2, 3]);
      return bettingDesignOf({ ...initialBaseline(), fixed }, one, one.test).levels;
    });
    expect(designs.length).toBeGreaterThan(10);
    expect(areOfOneShape(designs)).toBe(true);
  });
});

describe('the catalogue', () => {
  it('names every metric once, with all that people have to know of it', () => {
    expect(new Set(metricCatalogue.map(({ name }) => name)).size).toBe(metricCatalogue.length);
    for (const { name, description, unit, burnInUnits, defaultMargin } of metricCatalogue) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect(description).toMatch(/^[A-Z0-9].*\.$/);
      expect(unit).not.toBe('');
      expect(burnInUnits).toBeGreaterThan(0);
      expect(defaultMargin.value).toBeGreaterThan(0);
    }
  });

  it('takes no concept, which says what a picture shows, for its quality', () => {
    expect(qualityOf({ clean: 0.8, taste: 0.4, 'kind:photo': 0, 'kind:nude': 0 })).toBeCloseTo(0.6, 6);
    expect(qualityOf({ 'kind:photo': 1, 'kind:nude': 0 })).toBeNull();
  });

  it('tells the experiment file what may decide and what may only be watched', () => {
    expect(namesOfUse('decides')).toEqual(expect.arrayContaining(['alignment', 'quality.*']));
    expect(namesOfUse('decides-by-ratio')).toEqual(['download-rate', 'share-rate', 'regenerate-rate']);
    expect(namesOfUse('only-warns')).toEqual(['alignment-shift', 'coverage', 'embedding-shift', 'diversity']);
  });

  it('allows by default what the experiment file would accept as a margin', () => {
    for (const { name, defaultMargin } of metricCatalogue) {
      const largest = knownMetrics.find((known) => known.name === name)?.largestEffect ?? Infinity;
      expect([name, defaultMargin.kind === 'relative' || defaultMargin.value < largest]).toEqual([name, true]);
    }
  });

  it('gives every metric an estimate of each variant in full traffic, whatever its topic', () => {
    const analysis = analysed({ requests: 1_800 });
    // Nothing is predicted of what is no pair.
    for (const name of [...deciding, ...watched].filter((one) => one !== 'predicted-preference')) {
      const { estimate, missing } = metric(analysis, name);
      expect([name, missing?.effect]).toEqual([name, null]);
      expect([name, estimate.effect]).toEqual([name, expect.any(Number)]);
    }
    expect(metric(analysis, 'diversity').estimate.control).toBeGreaterThan(1);
  });
});

describe('what each metric finds', () => {
  it('finds harm by every metric that is about it', () => {
    const analysis = analysed({
      requests: 1_500,
      candidate: {
        ratingMean: 2.5,
        thumbsDownShare: 0.6,
        downloadShare: 0.03,
        regenerateShare: 0.4,
        preferred: 0.1,
        flaggedShare: 0.3,
        latencyFactor: 2.5,
        quality: 0.7,
      },
    });
    const harmed = [
      'rating',
      'thumbs-down-rate',
      'download-rate',
      'share-rate',
      'regenerate-rate',
      'preference',
      'flagged-rate',
      'gpu-seconds',
      'gpu-seconds-per-image',
      'inference-latency-p50',
      'latency-p99',
      'quality.clean',
      'own-mean',
      'own-p50',
      'own-p90',
      'own-ratio',
    ];
    for (const name of harmed) {
      const { verdict, p } = metric(analysis, name);
      expect([name, verdict]).toEqual([name, 'harmful']);
      expect(p?.harmful).toBeLessThan(0.05);
      expect(p?.superior).toBe(1);
    }
    for (const name of ['own-bounded', 'own-rate', 'gpu-utilisation']) {
      expect([name, metric(analysis, name).verdict]).not.toEqual([name, 'harmful']);
    }
  });

  it('proves better ones superior, in either direction of better', () => {
    const candidate = {
      downloadShare: 0.5,
      regenerateShare: 0.01,
      preferred: 0.9,
      ratingMean: 4.9,
      latencyFactor: 0.6,
    };
    const analysis = analysed({ requests: 1_500, candidate });
    for (const name of ['download-rate', 'regenerate-rate', 'preference', 'gpu-seconds', 'own-p50', 'own-ratio']) {
      expect([name, metric(analysis, name).verdict]).toEqual([name, 'superior']);
    }
  });

  it('warns of shifts without deciding by them, and of none where there is none', () => {
    const shifted = analysed({ requests: 800, candidate: { embeddingOffset: 0.4, alignment: 0.27 } });
    expect(metric(shifted, 'embedding-shift')).toMatchObject({
      role: 'watched',
      verdict: 'undecided',
      reason: 'shift-found',
      budget: [],
    });
    expect(metric(shifted, 'alignment-shift')).toMatchObject({ verdict: 'undecided', reason: 'shift-found' });
    expect(metric(shifted, 'alignment-shift').estimate.effect).toBeLessThan(-0.1);
    expect(shifted.health.shift).toEqual({ status: 'found', metrics: ['alignment-shift', 'embedding-shift'] });
    const calm = analysed({ requests: 800 });
    expect(metric(calm, 'embedding-shift').reason).toBe('no-shift-found');
    expect(calm.health.shift).toEqual({ status: 'none-found', metrics: [] });
    const unasked = analysisOf(evidenceDesign(definition(), 1), fullTraffic({ requests: 200 }));
    expect(unasked.health.shift).toEqual({ status: 'not-watched', metrics: [] });
    expect(metric(unasked, 'embedding-shift')).toMatchObject({ role: 'observed', reason: 'not-watched', lnE: null });
  });

  it('judges a guardrail on trial by its own margin, in the role of what only warns', () => {
    expect(tried(0.01)).toMatchObject({ role: 'watched', verdict: 'harmful' });
    expect(tried(0.9)).toMatchObject({ role: 'watched', verdict: 'undecided' });
  });

  it('refuses to let a metric decide that can only warn', () => {
    const spec = {
      guardrails: [{ metric: 'diversity', margin: { kind: 'relative', value: 0.1 }, rollbackOn: 'any-harm' }],
    };
    const analysis = analysed({ requests: 300 }, spec as Partial<ExperimentSpec>);
    expect(metric(analysis, 'diversity')).toMatchObject({ verdict: 'unmeasurable', reason: 'cannot-decide' });
  });
});

/** The same events, those of one topic with other data. */
const change = <T extends ObservedEvent['type']>(
  events: readonly ObservedEvent[],
  type: T,
  data: (event: TeststripEvent<T>['data'], index: number) => object,
): readonly ObservedEvent[] =>
  events.map((event, index) =>
    event.type === type
      ? ({
          ...event,
          data: { ...event.data, ...data(event.data as TeststripEvent<T>['data'], index) },
        } as ObservedEvent)
      : event,
  );

function isFromFirstStage(event: ObservedEvent): boolean {
  return event.type === 'generation.completed.v1' && event.data.assignment?.stage === 0;
}

describe('how events become observations', () => {
  const design = evidenceDesign(definition(), 1);
  it('follows quality heads that the experiment does not name', () => {
    const analysis = analysisOf(design, fullTraffic({ requests: 600 }));
    expect(metric(analysis, 'quality.sharp')).toMatchObject({ role: 'observed', reason: 'only-observed' });
    expect(metric(analysis, 'quality.sharp').estimate.control).toBeCloseTo(0.6, 1);
    expect(metric(analysis, 'quality.clean').estimate.control).toBeCloseTo(0.95, 1);
  });

  it('counts what never came as slower than anything, and leaves other late values to the coverage', () => {
    const events = fullTraffic({ requests: 2_500 });
    const timedOut = change(events, 'request.routed.v1', (_data, index) =>
      index % 3 === 0 ? { outcome: 'timed-out', durationMs: null } : {},
    );
    const slow = analysisOf(design, timedOut);
    expect(metric(slow, 'latency-p95')).toMatchObject({ estimate: { effect: null }, missing: { effect: 'infinite' } });
    expect(metric(slow, 'latency-p50').estimate.effect).not.toBeNull();
    expect(metric(slow, 'timeout-rate').estimate.control).toBeGreaterThan(0.2);
    const lost = change(events, 'image.scored.v1', (_data, index) =>
      index % 2 === 0 ? { outcome: 'unavailable', alignment: null, quality: {}, embedding: null } : {},
    );
    const { n } = metric(analysisOf(design, lost), 'alignment');
    const scored = lost.filter(({ data }) => 'alignment' in data && data.alignment !== null).length;
    expect(n.control.events + n.candidate.events).toBe(scored);
    expect(metric(analysisOf(design, lost), 'coverage').estimate.control).toBeLessThan(0.8);
  });

  it('leaves values of an earlier stage out where the load decides them', () => {
    const events = fullTraffic({ requests: 400, share: 0.2, rampAt: 200 });
    const analysis = analysisOf(design, [
      ...events.filter((event) => !isFromFirstStage(event)),
      ...events.filter(isFromFirstStage),
    ]);
    const inTime = metric(analysisOf(design, events), 'gpu-utilisation').n;
    const { n } = metric(analysis, 'gpu-utilisation');
    expect(n.control.units + n.candidate.units).toBeLessThan(0.6 * (inTime.control.units + inTime.candidate.units));
    expect(metric(analysis, 'gpu-seconds').n).toEqual(metric(analysisOf(design, events), 'gpu-seconds').n);
  });

  it('knows duplicates of other generations of the variant, not repeated messages', () => {
    const events = fullTraffic({ requests: 400 });
    const repeated = analysisOf(
      design,
      events.flatMap((event) => [event, event]),
    );
    expect(metric(repeated, 'duplicate-rate').estimate.control).toBe(0);
    const stuck = change(events, 'image.scored.v1', ({ assignment, image }) =>
      assignment?.variant === 'candidate' ? { image: { ...image, sha256: 'b'.repeat(64) } } : {},
    );
    expect(metric(analysisOf(design, stuck), 'duplicate-rate').estimate).toMatchObject({
      control: 0,
      candidate: expect.closeTo(1, 1),
    });
  });

  it('takes one vote per rater and prompt, from either side of the screen', () => {
    const votes = fullTraffic({ requests: 1_000, candidate: { preferred: 1 } }).filter(
      (event) => event.type === 'preference.judged.v1',
    );
    const decisive = votes.filter(({ data }) => data.preferred !== 'tie').length;
    const analysis = analysisOf(design, [...votes, ...votes]);
    expect(analysis.judgements).toEqual({ candidate: votes.length });
    const { n, estimate } = metric(analysis, 'preference');
    expect(n.candidate).toEqual({ units: decisive, events: 2 * votes.length });
    expect(estimate).toEqual({ control: 0, candidate: 1, effect: 0.5 });
  });

  it('shows how many of all units did something, though only those say so', () => {
    const analysis = analysisOf(design, fullTraffic({ requests: 1_500, candidate: { downloadShare: 0.4 } }));
    const { estimate, n } = metric(analysis, 'download-rate');
    expect(estimate.control).toBeCloseTo(0.2, 1);
    expect(estimate.candidate).toBeCloseTo(0.4, 1);
    expect(n.control.units + n.candidate.units).toBe(1_500);
    expect(Math.exp(estimate.effect ?? 0)).toBeCloseTo(2, 0);
  });

  it('counts pictures that nothing is said of as not flagged, unless of the other variant’s something is', () => {
    const nowhere = analysisOf(design, unchecked(['control', 'candidate']));
    expect(metric(nowhere, 'flagged-rate').estimate).toEqual({ control: 0, candidate: 0, effect: 0 });
    expect(nowhere.health.consistency?.findings).toEqual([]);
    const inOne = analysisOf(design, unchecked(['candidate']));
    expect(metric(inOne, 'flagged-rate').verdict).toBe('unmeasurable');
    expect(inOne.health.consistency?.findings).toMatchObject([{ variant: 'candidate', field: 'images.flagged' }]);
  });

  it('adds up all events of a unit in a ratio', () => {
    const analysis = analysisOf(
      design,
      fullTraffic({ requests: 2_000, users: 400, candidate: { latencyFactor: 1.2 } }),
    );
    const { n, estimate, interval } = metric(analysis, 'gpu-seconds-per-image');
    expect(n.control.units + n.candidate.units).toBeLessThanOrEqual(400);
    const effect = 0.2 * (estimate.control as number);
    expect(estimate.effect).toBeCloseTo(effect, 1);
    expect(interval?.low).toBeLessThan(effect);
    expect(interval?.high).toBeGreaterThan(effect);
  });
});

function namesOfUse(use: string): string[] {
  return knownMetrics.filter((known) => known.use === use).map(({ name }) => name);
}

/** Traffic in which nothing is said of flags by these variants. */
function unchecked(variants: readonly string[]): readonly ObservedEvent[] {
  return change(fullTraffic({ requests: 100 }), 'generation.completed.v1', ({ images, assignment }) => ({
    images: images.map(({ flagged, ...image }) =>
      variants.includes(assignment?.variant ?? '') ? image : { ...image, flagged: flagged ?? false },
    ),
  }));
}
