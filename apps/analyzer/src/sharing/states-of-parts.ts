import {
  decodeMergeable,
  type Evidence,
  type EvidenceDesign,
  initialEvidence,
  judgeCoverageUntil,
  type MergeableEvidence,
} from '#libs/evidence';
import type { CountedEvidence } from '../merged-total.js';

/** So much a part may be behind the newest request before missing reports and scores are looked for up to there only: the grace of coverage is longer. */
const LATE_MS = 5_000;

/** What one part says of an experiment, and as of when. */
export interface PartState {
  /** Topic and partition. */
  readonly place: string;
  /** How often the part has changed hands. */
  readonly generation: number;
  /** The offset up to which it is folded. */
  readonly position: number;
  readonly sent: MergeableEvidence;
}

/** A state as it was read for the metrics of a design. */
export interface ReadState {
  readonly by: EvidenceDesign['metrics'];
  readonly evidence: Evidence;
}

interface Kept extends PartState {
  readonly changes: number;
  decoded: ReadState | null;
  cut: { readonly of: Evidence; readonly untilMs: number; readonly evidence: Evidence } | null;
}

/** The newest state of each part of each experiment, by `experimentKey`: a part is replaced, never added to. */
export class StatesOfParts {
  private readonly byKey = new Map<string, Map<string, Kept>>();
  /** Of which something is stored. */
  private readonly touched = new Set<string>();
  /** By place: how often each part had changed hands when what is stored was read. */
  readonly generations = new Map<string, number>();
  /** The carrier's time up to which every part is folded; null: unknown. */
  foldedUntilMs: number | null = null;

  keys(): Iterable<string> {
    return this.byKey.keys();
  }

  has(key: string): boolean {
    return this.byKey.has(key);
  }

  /** Nothing has ever been said of it. */
  isUntouched(key: string): boolean {
    return !this.touched.has(key);
  }

  /** Something is stored of it. */
  touch(key: string): void {
    this.touched.add(key);
  }

  /** Whether a state is at least as new as what is there: of a later owner, or of the same and as far. */
  isNews(key: string, { place, generation, position }: Omit<PartState, 'sent'>): boolean {
    const known = this.byKey.get(key)?.get(place);
    if (!known) return true;
    return generation > known.generation || (generation === known.generation && position >= known.position);
  }

  /** Takes a state over, unless a newer one is there. @param decoded where it has been read already */
  put(key: string, state: PartState, decoded: ReadState | null = null): void {
    if (!this.isNews(key, state)) return;
    const parts = this.byKey.get(key) ?? new Map<string, Kept>();
    this.byKey.set(key, parts);
    this.touch(key);
    parts.set(state.place, { ...state, changes: (parts.get(state.place)?.changes ?? 0) + 1, decoded, cut: null });
  }

  /** In the order of the places, so that sums round the same way at every merge. */
  evidenceOf(key: string, design: EvidenceDesign): readonly CountedEvidence[] {
    const parts = this.byKey.get(key);
    if (!parts) return [{ evidence: initialEvidence(design, null), changes: 0 }];
    const kept = [...parts.keys()].sort().map((place) => parts.get(place) as Kept);
    const decoded = kept.map((state) => decode(state, design));
    const untilMs = this.lateSince(decoded);
    return kept.map((state, index) => ({
      evidence: untilMs === null ? decoded[index]! : cutAt(state, decoded[index]!, untilMs),
      changes: state.changes,
    }));
  }

  /** Null where no part is late. */
  private lateSince(parts: readonly Evidence[]): number | null {
    const newestMs = Math.max(...parts.map(({ newestAtMs }) => newestAtMs['request.routed.v1'] ?? -Infinity));
    return this.foldedUntilMs !== null && this.foldedUntilMs < newestMs - LATE_MS ? this.foldedUntilMs : null;
  }
}

function decode(state: Kept, design: EvidenceDesign): Evidence {
  if (state.decoded?.by !== design.metrics)
    state.decoded = { by: design.metrics, evidence: decodeMergeable(design, state.sent) };
  return state.decoded.evidence;
}

function cutAt(state: Kept, evidence: Evidence, untilMs: number): Evidence {
  if (state.cut?.of !== evidence || state.cut.untilMs !== untilMs)
    state.cut = { of: evidence, untilMs, evidence: judgeCoverageUntil(evidence, untilMs) };
  return state.cut.evidence;
}
