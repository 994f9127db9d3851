import type { ExperimentDefined } from '#libs/contracts';
import { type Evidence, type EvidenceDesign, initialEvidence, OBSERVED_TOPICS } from '#libs/evidence';
import { UnitLog } from './unit-log.js';

/** An experiment's revision and how its evidence is judged. */
export interface KnownExperiment {
  readonly definition: ExperimentDefined;
  readonly design: EvidenceDesign;
}

/** What one partition of one topic says about one experiment revision. */
export interface PartEvidence {
  evidence: Evidence;
  /** How its unit memory is stored. */
  readonly unitLog: UnitLog;
  isDirty: boolean;
  /** How many events were folded into it since the start. */
  changes: number;
  /** Offset before which everything is in the evidence already: a restart may read events again that wait for no definition. */
  readonly foldedTo: number;
  /** Which log that offset belongs to; undefined: the one that is read. */
  readonly foldedLog: string | undefined;
}

/** One partition of one topic: how far it is folded in, and into what. */
export interface Part {
  readonly topic: string;
  readonly partition: number;
  /** Undefined until something was read; the carrier then starts at the beginning, or where an operator wants it. */
  nextOffset: number | undefined;
  /** Which log it is read from; undefined until something was read, or where a version that did not note it wrote the position. */
  log: string | undefined;
  /** Offset of the first event that waits for the definition of its experiment; undefined: none waits. */
  heldAt: number | undefined;
  savedOffset: number | undefined;
  /** How often it has changed hands between analyzers that share the partitions; 0 where one reads all. */
  generation: number;
  /** When the carrier took the newest record that was folded, ms since 1970; undefined: none was since the start. */
  foldedAtMs: number | undefined;
  /** By {@link experimentKey}. */
  readonly experiments: Map<string, PartEvidence>;
}

export function emptyPart(topic: string, partition: number): Part {
  const unread = { nextOffset: undefined, log: undefined, heldAt: undefined, savedOffset: undefined };
  return { topic, partition, ...unread, generation: 0, foldedAtMs: undefined, experiments: new Map() };
}

/** Where a restart has to begin so that nothing is missed. */
export function resumeOffset({ heldAt, nextOffset }: Part): number | undefined {
  return heldAt ?? nextOffset;
}

/** Offset before which the part's events are in the evidence already; 0 where that was said of another log than is read now. */
export function foldedToIn(part: Part, { foldedTo, foldedLog }: PartEvidence): number {
  return foldedLog === undefined || part.log === undefined || foldedLog === part.log ? foldedTo : 0;
}

/** What the part says about the experiment; empty at first. */
export function partEvidenceOf(part: Part, { design }: KnownExperiment): PartEvidence {
  const key = experimentKey(design.experiment, design.revision);
  const known = part.experiments.get(key);
  if (known) return known;
  const topic = OBSERVED_TOPICS.find((observed) => observed === part.topic) ?? null;
  const evidence = initialEvidence(design, topic);
  const fresh = {
    evidence,
    unitLog: new UnitLog(),
    isDirty: false,
    changes: 0,
    foldedTo: 0,
    foldedLog: undefined,
  };
  part.experiments.set(key, fresh);
  return fresh;
}

export function experimentKey(experiment: string, revision: number): string {
  return `${experiment}@${revision}`;
}

export function partKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
