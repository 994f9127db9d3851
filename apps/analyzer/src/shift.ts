import type { AnalyzerOptions } from './analyzer-options.js';
import type { Part } from './evidence-part.js';
import type { Folding } from './folding.js';
import { type SaveOptions, saveParts } from './snapshots.js';

/** What runs while an analyzer reads. */
export interface Shift {
  /** Resolves when events published from now on will be folded. */
  readonly ready: Promise<void>;
  /** Resolves when it has to end, with the reason; null: it is asked to. */
  readonly failed: Promise<unknown>;
  fail(error: unknown): void;
  /** Records not folded yet, by topic. */
  lag(): Promise<Readonly<Record<string, number>>>;
  /** @param failure why; null: in order, and what is not saved or said yet still is */
  end(failure: unknown): Promise<void>;
}

/** A promise that {@link Shift.fail} resolves. */
export function failure(): Pick<Shift, 'failed' | 'fail'> {
  let fail!: (error: unknown) => void;
  const failed = new Promise<unknown>((resolve) => (fail = resolve));
  return { failed, fail };
}

/** How often it is checked which events have waited for their definition long enough. */
export const EXPIRE_EVERY_MS = 1_000;

/** How long a snapshot is encoded at a time, before events are folded again. */
export const SLICE_MS = 10;

/** Somebody has added partitions while it was read: units have moved. A new start looks whose evidence that concerns. */
export function moreThanKnown(topic: string, partition: number): Error {
  return new Error(`${topic} has got more partitions: ${partition} is one of them`);
}

interface Snapshot {
  readonly folding: Folding;
  readonly parts: Iterable<Part>;
  readonly guards: Pick<SaveOptions, 'fence' | 'require' | 'onSaved' | 'sliceMs'>;
  /** Why evidence can't be saved, as it was told last, by `experimentKey`; changed in place. */
  readonly unsaved: Map<string, string>;
  /** Whether an error says that somebody else writes by now; what must not go on is ended then. */
  readonly isTakenOver: (error: unknown) => boolean;
}

/** Saves what has changed. @returns false where it has to be repeated */
export async function takeSnapshot(
  { database, clock, log, measured }: Pick<AnalyzerOptions, 'database' | 'clock' | 'log' | 'measured'>,
  { folding, parts, guards, unsaved, isTakenOver }: Snapshot,
): Promise<boolean> {
  const startedAtMs = performance.now();
  let isSaved = false;
  try {
    folding.holdPositions();
    const failed = await saveParts(database, parts, {
      experiments: folding.definitions.known,
      nowMs: clock.nowMs(),
      ...guards,
    });
    tellUnsaved(unsaved, failed, log);
    isSaved = true;
  } catch (error) {
    if (!isTakenOver(error))
      log.warn(`a snapshot could not be saved and will be repeated: ${(error as Error).message}`);
  }
  measured?.snapshot(isSaved, startedAtMs);
  return isSaved;
}

/** Tells once for every reason what can't be saved: it is tried again every second. */
function tellUnsaved(
  unsaved: Map<string, string>,
  failed: ReadonlyMap<string, string>,
  log: { error(message: string): void },
): void {
  for (const [key, reason] of failed) {
    if (unsaved.get(key) === reason) continue;
    log.error(
      `the evidence of experiment ${key} can't be saved, after a restart its events are folded again: ${reason}`,
    );
  }
  unsaved.clear();
  for (const [key, reason] of failed) unsaved.set(key, reason);
}
