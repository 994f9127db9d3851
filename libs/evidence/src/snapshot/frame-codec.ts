import { decodeCoverage, encodeCoverage, type EncodedCoverage } from '../fold/coverage.js';
import type { Evidence } from '../fold/evidence.js';
import type { Newcomers } from '../fold/newcomers.js';
import { decodePulses, encodePulses, type EncodedPulses } from '../fold/pulse.js';
import { decodeRecent, encodeRecent, type EncodedRecent } from '../fold/recent-outcomes.js';
import { decodePictures, encodePictures, type EncodedPictures } from '../fold/recent-pictures.js';
import { decodeStrangers, encodeStrangers, type EncodedStrangers } from '../fold/strangers.js';
import { decodeTotals, encodeTotals, type EncodedTotals } from '../fold/unit-totals.js';
import { decodeReports, encodeReports, type EncodedReports } from '../fold/reports.js';
import { decodeTraffic, encodeTraffic, type EncodedTraffic, type TrafficByEpoch } from '../fold/traffic.js';
import { decodeWarmthByTopic, encodeWarmthByTopic, type EncodedWarmthByTopic } from '../fold/warmth.js';

/** What evidence holds beside its metrics and units. */
type Frame = Omit<Evidence, 'pairs' | 'paired' | 'pairMemory' | 'units' | 'facts'>;

/** As plain JSON, every double exactly. */
export interface EncodedFrame {
  readonly traffic: EncodedTraffic | TrafficByEpoch;
  readonly coverage: EncodedCoverage;
  readonly seenBefore: readonly (readonly [string, readonly (readonly [string, number])[]])[];
  readonly recentPictures: EncodedPictures;
  readonly recent: EncodedRecent;
  readonly newcomers: Newcomers;
  readonly heavyUnits: { readonly counts: readonly (readonly [string, number])[]; readonly requests: number };
  readonly strangers: EncodedStrangers;
  readonly totals: EncodedTotals;
  readonly namelessRequests: number;
  readonly observed: number;
  readonly warmth: EncodedWarmthByTopic;
  readonly newestEpoch: number;
  readonly newestStage: number;
  readonly reports: EncodedReports;
  readonly mended: readonly (readonly [string, number])[];
  readonly unscored: Evidence['unscored'];
  readonly pulses: EncodedPulses;
  readonly newestAtMs: Evidence['newestAtMs'];
  readonly separation: Evidence['separation'];
  readonly scorer: string | null;
  readonly foreignScores: number;
  readonly foreignScorer: string | null;
}

export function encodeFrame(evidence: Frame): EncodedFrame {
  return {
    traffic: encodeTraffic(evidence.traffic),
    coverage: encodeCoverage(evidence.coverage),
    seenBefore: [...evidence.seenBefore].map(([metric, units]) => [metric, [...units]] as const),
    recentPictures: encodePictures(evidence.recentPictures),
    recent: encodeRecent(evidence.recent),
    newcomers: { ...evidence.newcomers },
    heavyUnits: { counts: [...evidence.heavyUnits.counts], requests: evidence.heavyUnits.requests },
    strangers: encodeStrangers(evidence.strangers),
    totals: encodeTotals(evidence.totals),
    namelessRequests: evidence.namelessRequests,
    observed: evidence.observed,
    warmth: encodeWarmthByTopic(evidence.warmth),
    newestEpoch: evidence.newestEpoch,
    newestStage: evidence.newestStage,
    reports: encodeReports(evidence.reports),
    mended: [...evidence.mended],
    unscored: { ...evidence.unscored },
    pulses: encodePulses(evidence.pulses),
    newestAtMs: { ...evidence.newestAtMs },
    separation: { ...evidence.separation },
    scorer: evidence.scorer,
    foreignScores: evidence.foreignScores,
    foreignScorer: evidence.foreignScorer,
  };
}

export function decodeFrame(encoded: EncodedFrame): Frame {
  return {
    traffic: decodeTraffic(encoded.traffic),
    coverage: decodeCoverage(encoded.coverage),
    seenBefore: new Map(encoded.seenBefore.map(([metric, units]) => [metric, new Map(units)])),
    recentPictures: decodePictures(encoded.recentPictures),
    recent: decodeRecent(encoded.recent),
    newcomers: { ...encoded.newcomers },
    heavyUnits: { counts: new Map(encoded.heavyUnits.counts), requests: encoded.heavyUnits.requests },
    strangers: decodeStrangers(encoded.strangers),
    totals: decodeTotals(encoded.totals),
    namelessRequests: encoded.namelessRequests,
    observed: encoded.observed,
    warmth: decodeWarmthByTopic(encoded.warmth),
    newestEpoch: encoded.newestEpoch,
    newestStage: encoded.newestStage,
    reports: decodeReports(encoded.reports),
    mended: new Map(encoded.mended),
    unscored: { ...encoded.unscored },
    pulses: decodePulses(encoded.pulses),
    newestAtMs: { ...encoded.newestAtMs },
    separation: { ...encoded.separation },
    scorer: encoded.scorer,
    foreignScores: encoded.foreignScores,
    foreignScorer: encoded.foreignScorer,
  };
}
