import type { AnalysisHealth } from '#libs/contracts';
import { rejects } from '#libs/statistics';
import { consistencyOf } from './consistency.js';
import type { CoverageReader } from '../fold/coverage.js';
import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import type { Draws } from '../fold/draws.js';
import type { Evidence } from '../fold/evidence.js';
import { recentRequests } from '../fold/recent-outcomes.js';
import { unitsHealth } from './units-health.js';
import { stalenessOf } from './silence.js';

/** A mismatch of the split holds the ramp; it must practically never be a false alarm. */
const SAMPLE_RATIO_ALPHA = 0.001;
/** Units before the split or the coverage is judged at all. */
const SMALLEST_SAMPLE = 20;
/** A difference in coverage smaller than this can't matter, however sure it is. */
export const SMALLEST_GAP = 0.01;

/** Whether the numbers can be trusted: the split is the one that was ordered, scores arrive for both variants alike, all sources speak. */
export function trustOf(
  {
    evidence,
    design,
    draws,
    coverageOf,
  }: {
    readonly evidence: Evidence;
    readonly design: EvidenceDesign;
    readonly draws: Draws;
    readonly coverageOf: CoverageReader;
  },
  nowMs: number,
): AnalysisHealth {
  const { mended } = evidence;
  return {
    srm: sampleRatio(draws),
    coverage: coverage(design, coverageOf),
    staleness: stalenessOf(evidence, nowMs),
    ...unitsHealth(evidence, draws),
    recent: recentByVariant(evidence, design, nowMs),
    consistency: consistencyOf(evidence, design),
    ...(mended.size === 0 ? {} : { mended: Object.fromEntries([...mended].sort()) }),
  };
}

function recentByVariant(
  { recent }: Evidence,
  { variants }: EvidenceDesign,
  nowMs: number,
): NonNullable<AnalysisHealth['recent']> {
  return Object.fromEntries(
    variants.flatMap((variant) => {
      const requests = recentRequests(recent, variant, nowMs);
      return requests === null ? [] : [[variant, { ...requests }]];
    }),
  );
}

function sampleRatio({ lnE, variants }: Draws): AnalysisHealth['srm'] {
  let units = 0;
  const observed: Record<string, number> = {};
  const expected: Record<string, number> = {};
  for (const [variant, of] of variants) {
    units += of.units;
    observed[variant] = of.units;
    expected[variant] = of.expectedUnits;
  }
  const status = units < SMALLEST_SAMPLE ? 'not-enough-data' : rejects(lnE, SAMPLE_RATIO_ALPHA) ? 'mismatch' : 'ok';
  return { status, lnE, observed, expected };
}

/** The worst pair counts. */
function coverage(design: EvidenceDesign, coverageOf: CoverageReader): AnalysisHealth['coverage'] {
  const byVariant: Record<string, number | null> = {};
  let status: AnalysisHealth['coverage']['status'] = 'not-enough-data';
  let lnE = 0;
  for (const candidate of design.candidates) {
    const reading = coverageOf(candidate, 'scored');
    const control = shareOf(reading.covered.control, reading.answered.control);
    const ofCandidate = shareOf(reading.covered.candidate, reading.answered.candidate);
    byVariant[design.control] = control;
    byVariant[candidate] = ofCandidate;
    lnE = Math.max(lnE, reading.lnE);
    if (control === null || ofCandidate === null) continue;
    if (reading.answered.control + reading.answered.candidate < SMALLEST_SAMPLE) continue;
    const isGap = rejects(reading.lnE, design.alpha) && Math.abs(control - ofCandidate) >= SMALLEST_GAP;
    if (isGap) status = 'gap';
    else if (status === 'not-enough-data') status = 'ok';
  }
  return { status, lnE, byVariant };
}

function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
