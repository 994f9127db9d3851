import type { Assignment, DataOf } from '#libs/contracts';
import { addTo, count } from './traffic.js';

/**
 * What the services say of themselves, to be held against what the router measured and what the experiment declares: the usual size of
 * each figure lately, and which configurations answered. By variant.
 */
export type Reports = Map<string, VariantReports>;

export interface VariantReports {
  /** All of them; one without values has no weight. */
  readonly levels: Readonly<Record<ReportedField, Level>>;
  /** Values that were 0, which have no size. */
  readonly zeros: Map<ReportedField, number>;
  /** Fingerprint → the generations that carried it, and when the first of them was carried. */
  readonly fingerprints: Map<string, Sighting>;
  /** Generations with a fingerprint beyond the {@link MOST_FINGERPRINTS} that are told apart. */
  otherFingerprints: number;
}

interface Sighting {
  events: number;
  firstAtMs: number;
}

/**
 * Figures that are looked at: the router's own, and what a service reports of the same requests. `images.flagged` is 1 where a checker passed a
 * picture, 0 where nothing is said of any: some say no more than that one was flagged, which tells nothing of the others.
 */
export const REPORTED_FIELDS = [
  'routed.durationMs',
  'timings.totalMs',
  'timings.inferenceMs',
  'gpu.seconds',
  'gpu.memoryMiB',
  'cost',
  'images.flagged',
] as const;
export type ReportedField = (typeof REPORTED_FIELDS)[number];

/** The geometric mean of the latest values, as a mean of logarithms: a few strays move it little, another unit of measure moves it far. */
export interface Level {
  lnMean: number;
  /** How many values it rests on; an older one counts less and less. */
  weight: number;
}

/** Values after which a level has forgotten two thirds of what was before. */
const MEMORY = 64;
/** A variant has one configuration; one with more is told what to draw request by request, and its fingerprints say nothing. */
export const MOST_FINGERPRINTS = 8;

export function noteRouted(reports: Reports, { variant }: Assignment, data: DataOf<'request.routed.v1'>): void {
  if (data.outcome !== 'delivered') return;
  const { levels, zeros } = reportsOf(reports, variant);
  noteLevel(levels['routed.durationMs'], zeros, 'routed.durationMs', data.durationMs);
}

export function noteGeneration(
  reports: Reports,
  { variant }: Assignment,
  data: DataOf<'generation.completed.v1'>,
  carriedAtMs: number,
): void {
  const of = reportsOf(reports, variant);
  noteFingerprint(of, data.fingerprint, carriedAtMs);
  if (data.outcome !== 'delivered') return;
  const { timings, gpu, cost, images } = data;
  const { levels, zeros } = of;
  noteLevel(levels['timings.totalMs'], zeros, 'timings.totalMs', timings.totalMs);
  noteLevel(levels['timings.inferenceMs'], zeros, 'timings.inferenceMs', timings.inferenceMs);
  noteLevel(levels['gpu.seconds'], zeros, 'gpu.seconds', gpu.seconds);
  noteLevel(levels['gpu.memoryMiB'], zeros, 'gpu.memoryMiB', gpu.memoryMiB);
  noteLevel(levels.cost, zeros, 'cost', cost);
  noteLevel(levels['images.flagged'], zeros, 'images.flagged', saysOfFlags(images));
}

function saysOfFlags(images: DataOf<'generation.completed.v1'>['images']): number | null {
  if (images.length === 0) return null;
  let isChecked = false;
  for (const { flagged } of images) {
    if (flagged === true) return null;
    if (flagged === false) isChecked = true;
  }
  return Number(isChecked);
}

function reportsOf(reports: Reports, variant: string): VariantReports {
  const known = reports.get(variant);
  if (known) return known;
  const fresh: VariantReports = {
    levels: noLevels(),
    zeros: new Map(),
    fingerprints: new Map(),
    otherFingerprints: 0,
  };
  reports.set(variant, fresh);
  return fresh;
}

/** Written out, so that each is found where it is and not by its name: there are half a dozen for every event. */
function noLevels(): VariantReports['levels'] {
  return {
    'routed.durationMs': { lnMean: 0, weight: 0 },
    'timings.totalMs': { lnMean: 0, weight: 0 },
    'timings.inferenceMs': { lnMean: 0, weight: 0 },
    'gpu.seconds': { lnMean: 0, weight: 0 },
    'gpu.memoryMiB': { lnMean: 0, weight: 0 },
    cost: { lnMean: 0, weight: 0 },
    'images.flagged': { lnMean: 0, weight: 0 },
  };
}

function noteLevel(level: Level, zeros: VariantReports['zeros'], field: ReportedField, value: number | null): void {
  if (value === 0) count(zeros, field);
  if (value === null || !(value > 0)) return;
  level.weight = Math.min(MEMORY, level.weight + 1);
  level.lnMean += (Math.log(value) - level.lnMean) / level.weight;
}

function noteFingerprint(of: VariantReports, fingerprint: string | null, carriedAtMs: number): void {
  if (fingerprint === null) return;
  const known = of.fingerprints.get(fingerprint);
  if (known === undefined && of.fingerprints.size >= MOST_FINGERPRINTS) {
    of.otherFingerprints += 1;
    return;
  }
  if (known === undefined) {
    of.fingerprints.set(fingerprint, { events: 1, firstAtMs: carriedAtMs });
    return;
  }
  known.events += 1;
  known.firstAtMs = Math.min(known.firstAtMs, carriedAtMs);
}

/** For reading only: of a part without reports the other one's are taken as they are. */
export function mergeReports(a: Reports, b: Reports): Reports {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  const merged: Reports = new Map();
  for (const variant of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const parts = [a.get(variant), b.get(variant)].filter((part) => part !== undefined);
    const into = reportsOf(merged, variant);
    for (const { levels, zeros, fingerprints, otherFingerprints } of parts) {
      for (const field of REPORTED_FIELDS) addLevel(into.levels[field], levels[field]);
      addTo(into.zeros, zeros);
      for (const [name, sighting] of fingerprints)
        into.fingerprints.set(name, sumOf(into.fingerprints.get(name), sighting));
      into.otherFingerprints += otherFingerprints;
    }
  }
  return merged;
}

/** In place. */
function addLevel(sum: Level, { lnMean, weight }: Readonly<Level>): void {
  if (weight === 0) return;
  const both = sum.weight + weight;
  sum.lnMean = sum.weight === 0 ? lnMean : (sum.lnMean * sum.weight + lnMean * weight) / both;
  sum.weight = both;
}

function sumOf(a: Sighting | undefined, b: Readonly<Sighting>): Sighting {
  if (a === undefined) return { ...b };
  return { events: a.events + b.events, firstAtMs: Math.min(a.firstAtMs, b.firstAtMs) };
}

export type EncodedReports = readonly (readonly [
  variant: string,
  {
    readonly levels: readonly (readonly [ReportedField, Readonly<Level>])[];
    readonly zeros: readonly (readonly [ReportedField, number])[];
    readonly fingerprints: readonly (readonly [string, Readonly<Sighting>])[];
    readonly otherFingerprints: number;
  },
])[];

export function encodeReports(reports: Reports): EncodedReports {
  return [...reports].map(([variant, { levels, zeros, fingerprints, otherFingerprints }]) => [
    variant,
    { levels: encodeLevels(levels), zeros: [...zeros], fingerprints: copies(fingerprints), otherFingerprints },
  ]);
}

export function decodeReports(encoded: EncodedReports): Reports {
  return new Map(
    encoded.map(([variant, { levels, zeros, fingerprints, otherFingerprints }]) => [
      variant,
      {
        levels: decodeLevels(levels),
        zeros: new Map(zeros),
        fingerprints: new Map(copies(fingerprints)),
        otherFingerprints,
      },
    ]),
  );
}

/** Those that have values. */
function encodeLevels(levels: VariantReports['levels']): [ReportedField, Level][] {
  return copies(REPORTED_FIELDS.map((field) => [field, levels[field]] as const)).filter(([, { weight }]) => weight > 0);
}

function decodeLevels(encoded: readonly (readonly [ReportedField, Readonly<Level>])[]): VariantReports['levels'] {
  const levels = noLevels();
  for (const [field, level] of encoded) Object.assign(levels[field], level);
  return levels;
}

/** What is counted in place must not be counted in a snapshot. */
function copies<Key, Value extends object>(entries: Iterable<readonly [Key, Value]>): [Key, Value][] {
  return Array.from(entries, ([key, value]) => [key, { ...value }]);
}
