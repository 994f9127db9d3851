import { decodeEvent, topics } from '#libs/contracts';
import { evidenceDesign } from '#libs/evidence';
import type { EventBus } from '#libs/messaging';
import { experimentKey, type KnownExperiment } from './evidence-part.js';

/** How long an event waits for the definition of its experiment, which is on another topic. */
const LONGEST_WAIT_MS = 5_000;
const BETWEEN_READS_MS = 100;
/** After waiting in vain, events of the same revision don't wait again for so long. */
const NOT_AGAIN_MS = 60_000;

/** The experiments the analyzer knows, read from the log of definitions when one is missing. */
export class Definitions {
  private readonly givenUpAtMs = new Map<string, number>();

  constructor(
    private readonly bus: EventBus,
    private readonly partitions: number,
    readonly known: Map<string, KnownExperiment>,
    private readonly nowMs: () => number,
    /** Called once when the wait was in vain; the events of that revision are left out. */
    private readonly onMissing: (experiment: string, revision: number) => void,
  ) {}

  /**
   * Makes the revision known. Its definition was published before its first event, but on another topic, so it may
   * still be on its way.
   * @returns undefined when there is no such definition.
   */
  async find(
    experiment: string,
    revision: number,
    whileWaiting: () => Promise<void>,
  ): Promise<KnownExperiment | undefined> {
    const key = experimentKey(experiment, revision);
    const known = this.known.get(key);
    if (known) return known;
    if (this.nowMs() - (this.givenUpAtMs.get(key) ?? -Infinity) < NOT_AGAIN_MS) return undefined;
    const untilMs = performance.now() + LONGEST_WAIT_MS;
    for (;;) {
      await this.read();
      const found = this.known.get(key);
      if (found) return found;
      if (performance.now() > untilMs || this.isSuperseded(experiment, revision)) break;
      await whileWaiting();
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_READS_MS));
    }
    this.givenUpAtMs.set(key, this.nowMs());
    this.onMissing(experiment, revision);
    return undefined;
  }

  /** Only the newest revision stays in a compacted log: an older one that is unknown will not come any more. */
  private isSuperseded(experiment: string, revision: number): boolean {
    for (const { definition } of this.known.values()) {
      if (definition.experiment === experiment && definition.revision > revision) return true;
    }
    return false;
  }

  private async read(): Promise<void> {
    for (const record of await this.bus.readAll(topics.experimentDefined.name)) {
      // A deleted experiment is a record without a value.
      if (record.value === null) continue;
      const event = decodeEvent(record);
      if (event.type !== topics.experimentDefined.name) continue;
      const key = experimentKey(event.data.experiment, event.data.revision);
      if (this.known.has(key)) continue;
      this.known.set(key, { definition: event.data, design: evidenceDesign(event.data, this.partitions) });
    }
  }
}
