import type { Assignment } from '#libs/contracts';
import type { EventFacts, RequestTopic } from '../catalogue/definition.js';
import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import { isNoValue, type Reader } from '../catalogue/reader.js';
import type { Evidence } from './evidence.js';
import type { RequestEvent } from './observe-metrics.js';
import { observeInPair } from './pair-evidence.js';
import { noteValue } from './presence.js';
import { addToTotal, enterAllocation, openTotal, sideOfTotal, takeClosed } from './unit-totals.js';
import { hasBit, setBit, type UnitMark } from './unit-mark.js';

/**
 * Observes the totals whose windows have closed by the time the carrier took the event. Each is its unit's first and only value, drawn
 * under the allocation that the window began and ended under.
 */
export function closeTotals(evidence: Evidence, design: EvidenceDesign, topic: RequestTopic, atMs: number): void {
  const { totals, facts, pairs } = evidence;
  for (const { metric } of facts.totals[topic]) {
    for (const { variant, sum } of takeClosed(totals, metric, atMs)) {
      for (const [candidate, pair] of pairs) {
        const side = sideOfTotal(totals, variant, { candidate, control: design.control });
        if (side === null) continue;
        const seen = { ...A_TOTAL, ...side, value: sum, atMs };
        observeInPair(pair, metric, seen, design.baselineUnits);
        if (metric.test !== null) noteValue(pair.presence, metric, seen);
      }
    }
  }
}

/**
 * Adds what the event says to its unit's totals; its first event opens their windows, whatever it says.
 * @returns whether the unit's mark has changed.
 */
export function addToTotals(
  { totals, facts }: Evidence,
  event: RequestEvent,
  of: {
    readonly assignment: Assignment;
    readonly unit: number;
    readonly mark: UnitMark;
    readonly facts: EventFacts;
    readonly atMs: number;
  },
): boolean {
  const { assignment, unit, mark, atMs } = of;
  let isChanged = false;
  for (const { metric, read, place } of facts.totals[event.type]) {
    const isFirst = !hasBit(mark, place.measuredBit);
    if (isFirst) {
      setBit(mark, place.measuredBit);
      isChanged = true;
    }
    if (!enterAllocation(totals, assignment)) continue;
    if (isFirst) openTotal(totals, metric, unit, { variant: assignment.variant, atMs });
    const reading = (read as Reader<RequestTopic>)(event.data, of.facts);
    if (reading !== null && !isNoValue(reading)) addToTotal(totals, metric, unit, reading.value);
  }
  return isChanged;
}

/** What is the same of every total. */
const A_TOTAL = {
  known: 'value',
  isFirst: true,
  isAtRisk: false,
  window: 0,
  promptClass: null,
  denominator: 1,
  before: null,
  picture: null,
} as const;
