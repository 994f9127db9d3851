import { type AnalysisHealth, MILLION } from '#libs/contracts';
import { lnESampleRatio, rejects } from '#libs/statistics';
import { consistencyOf } from './consistency.js';
import type { CoverageReader } from '../fold/coverage.js';
import type { EvidenceDesign } from '../catalogue/evidence-design.js';
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
  evidence: Evidence,
  design: EvidenceDesign,
  nowMs: number,
  coverageOf: CoverageReader,
): AnalysisHealth {
  const { mended } = evidence;
  return {
    srm: sampleRatio(evidence),
    coverage: coverage(design, coverageOf),
    staleness: stalenessOf(evidence, nowMs),
    ...unitsHealth(evidence),
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

function sampleRatio({ traffic }: Evidence): AnalysisHealth['srm'] {
  let lnE = 0;
  let units = 0;
  const observed: Record<string, number> = {};
  const expected: Record<string, number> = {};
  for (const { weightsPpm, firstSeen } of traffic.epochs.values()) {
    const variants = Object.keys(weightsPpm).sort();
    const counts = variants.map((variant) => firstSeen.get(variant) ?? 0);
    const shares = variants.map((variant) => (weightsPpm[variant] as number) / MILLION);
    const total = counts.reduce((sum, value) => sum + value, 0);
    units += total;
    lnE = Math.min(Number.MAX_VALUE, lnE + lnESampleRatio(counts, shares));
    variants.forEach((variant, index) => {
      observed[variant] = (observed[variant] ?? 0) + (counts[index] as number);
      expected[variant] = (expected[variant] ?? 0) + total * (shares[index] as number);
    });
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
