import { topics, type TeststripEvent } from '#libs/contracts';
import { evidenceDesign } from '#libs/evidence';
import { LogFollower, type BusClient, type OrderTrust } from '#libs/messaging';
import { experimentKey, type KnownExperiment } from './evidence-part.js';

/** How long one attempt to read the log of definitions may take. */
const ATTEMPT_MS = 15_000;

export interface DefinitionsOptions {
  readonly bus: BusClient;
  /** Whose definitions count. Default: everybody's. */
  readonly trust?: OrderTrust | undefined;
  /** Who follows the log: names its dead letters. */
  readonly group: string;
  /** Partitions of the topics keyed by unit. */
  readonly partitions: number;
  /** By `experimentKey`; those of the snapshots to begin with. */
  readonly known: Map<string, KnownExperiment>;
  /** Revisions by `experimentKey` that are not analysed any more, whatever the log says of them. */
  readonly refused: ReadonlySet<string>;
  /** A revision has become known. */
  readonly onDefined: (key: string) => void;
  /** A known revision has got another policy. */
  readonly onPolicy: (key: string, changed: KnownExperiment) => void;
  readonly onTrouble: (message: string) => void;
}

/** The experiments the analyzer knows: those of its snapshots, and what the log of definitions says, from its beginning on. */
export class Definitions {
  private readonly follower: LogFollower;

  constructor(private readonly options: DefinitionsOptions) {
    const { bus, trust, group, onTrouble } = options;
    this.follower = new LogFollower({
      bus,
      trust,
      name: group,
      compacted: [topics.experimentDefined.name],
      attemptMs: ATTEMPT_MS,
      onEvent: (event) => this.define(event),
      onTrouble,
    });
  }

  /** Begins to follow; a log that can't be read is tried again until it can. */
  start(): void {
    void this.follower.start();
  }

  /** By `experimentKey`. */
  get known(): Map<string, KnownExperiment> {
    return this.options.known;
  }

  find(experiment: string, revision: number): KnownExperiment | undefined {
    return this.options.known.get(experimentKey(experiment, revision));
  }

  /** Whether its events are left out on purpose. */
  isRefused(experiment: string, revision: number): boolean {
    return this.options.refused.has(experimentKey(experiment, revision));
  }

  /** Only the newest revision stays in a compacted log: an older one that is unknown will not come any more. */
  isSuperseded(experiment: string, revision: number): boolean {
    for (const { definition } of this.options.known.values()) {
      if (definition.experiment === experiment && definition.revision > revision) return true;
    }
    return false;
  }

  close(): Promise<void> {
    return this.follower.close();
  }

  private define(event: TeststripEvent): void {
    if (event.type !== topics.experimentDefined.name) return;
    const { known, refused, partitions, onDefined, onPolicy } = this.options;
    const key = experimentKey(event.data.experiment, event.data.revision);
    if (refused.has(key)) return;
    const before = known.get(key);
    if (before && before.design.policy >= (event.data.policy ?? 0)) return;
    const given = { definition: event.data, design: evidenceDesign(event.data, partitions) };
    if (before) return onPolicy(key, given);
    known.set(key, given);
    onDefined(key);
  }
}
