import {
  type Analysis,
  analyse,
  type Evidence,
  type EvidenceDesign,
  foldEvent,
  memoryKey,
  initialEvidence,
  mergeEvidence,
  type ObservedEvent,
} from '#libs/evidence';

/** Folds events as a log of `partitions` partitions per topic would be; states in the order of their places. */
export function foldByPartition(
  design: EvidenceDesign,
  events: readonly ObservedEvent[],
  partitions: number,
): readonly Evidence[] {
  const parts = new Map<string, Evidence>();
  for (const event of events) foldInto(parts, design, { event }, partitions);
  return [...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, evidence]) => evidence);
}

/** Folds one more event into the evidence of its partition, by the partition's name; carried at its own time unless told otherwise. */
export function foldInto(
  parts: Map<string, Evidence>,
  design: EvidenceDesign,
  { event, carriedAtMs }: { readonly event: ObservedEvent; readonly carriedAtMs?: number },
  partitions: number,
): void {
  const part = `${event.type}/${memoryKey(event.subject) % partitions}`;
  const evidence = parts.get(part) ?? initialEvidence(design);
  parts.set(part, evidence);
  foldEvent(evidence, design, event, carriedAtMs);
}

/** What the whole log says. */
export function analysisOf(design: EvidenceDesign, events: readonly ObservedEvent[], partitions = 1): Analysis {
  const parts = foldByPartition(design, events, partitions);
  const nowMs = Date.parse(events.at(-1)?.time ?? '1970-01-01T00:00:00Z');
  return analyse(
    parts.reduce((a, b) => mergeEvidence(a, b), initialEvidence(design)),
    design,
    nowMs,
  );
}
