import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allocationCommanded, experimentDefined, serviceDefined, type ServiceDefined } from '#libs/contracts';
import { makeDataFolder } from '#libs/platform';
import { z } from 'zod';
import { writeAtomically } from '../write-atomically.js';
import { brokenGlass, type BrokenGlass } from './broken-glass.js';
import type { ExperimentState } from './experiment-state.js';
import type { RouterState } from './routing-table.js';

const experimentState = z.object({
  experiment: z.string(),
  definitions: z.array(experimentDefined),
  command: allocationCommanded.nullable(),
});
/** Of the experiments and services, each is read by itself. Files of before services had baselines have none. */
const fileContent = z.object({
  version: z.literal(1),
  savedAt: z.string(),
  experiments: z.array(z.unknown()),
  services: z.array(z.unknown()).default([]),
  brokenGlass: z.array(z.unknown()).default([]),
});

/** The state of the last run on disk: what a router starts from while the bus is away. */
export class LastKnownGoodFile {
  private writing: Promise<void> = Promise.resolve();
  private waiting: RouterState | undefined;

  constructor(
    private readonly path: string,
    private readonly onTrouble: (message: string) => void,
  ) {}

  /** Saves the state; of several values in a row only the newest is written. Never throws: a full disk must not stop a rollback. */
  save(state: RouterState): Promise<void> {
    if (this.waiting === undefined) this.writing = this.writing.then(() => this.writeWaiting());
    this.waiting = state;
    return this.writing;
  }

  /**
   * The experiments and services that can be read; one that can't costs no other its place (said to `onTrouble`).
   * undefined: there is no file, or none that can be used (said to `onTrouble`).
   */
  async load(): Promise<RouterState | undefined> {
    try {
      const content = fileContent.parse(JSON.parse(await readFile(this.path, 'utf8')));
      const experiments = content.experiments.flatMap((one, index) => this.readable(one, index));
      const services = content.services.flatMap((one, index) => this.readableService(one, index));
      const isUseless = experiments.length + services.length === 0 && content.experiments.length > 0;
      const broken = content.brokenGlass.flatMap((one, index) => this.readableGlass(one, index));
      return isUseless ? undefined : { experiments, services, brokenGlass: broken };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.onTrouble(`last-known-good file ${this.path} can't be used: ${(error as Error).message}`);
      return undefined;
    }
  }

  private readable(stored: unknown, index: number): readonly ExperimentState[] {
    const read = experimentState.safeParse(stored);
    if (read.success) return [read.data];
    const name = z.object({ experiment: z.string() }).safeParse(stored).data?.experiment;
    this.onTrouble(
      `last-known-good file ${this.path}: experiment ${name === undefined ? `number ${index + 1}` : `"${name}"`} can't be used, ` +
        `the others are: ${read.error.message}`,
    );
    return [];
  }

  private readableGlass(stored: unknown, index: number): readonly BrokenGlass[] {
    const read = brokenGlass.safeParse(stored);
    if (read.success) return [read.data];
    this.onTrouble(
      `last-known-good file ${this.path}: broken glass number ${index + 1} can't be used, the others are: ${read.error.message}`,
    );
    return [];
  }

  private readableService(stored: unknown, index: number): readonly ServiceDefined[] {
    const read = serviceDefined.safeParse(stored);
    if (read.success) return [read.data];
    this.onTrouble(
      `last-known-good file ${this.path}: service number ${index + 1} can't be used, the others are: ${read.error.message}`,
    );
    return [];
  }

  private async writeWaiting(): Promise<void> {
    const {
      experiments,
      services,
      brokenGlass: broken,
    } = this.waiting ?? { experiments: [], services: [], brokenGlass: [] };
    this.waiting = undefined;
    const content = {
      version: 1,
      savedAt: new Date().toISOString(),
      experiments: experiments.map(({ experiment, definitions, command }) => ({ experiment, definitions, command })),
      services,
      brokenGlass: broken,
    };
    try {
      // It names upstreams; one that an earlier version left is as closed.
      await makeDataFolder(dirname(this.path));
      await writeAtomically(this.path, `${JSON.stringify(content)}\n`, 0o600);
    } catch (error) {
      this.onTrouble(`last-known-good file ${this.path} can't be written: ${(error as Error).message}`);
    }
  }
}
