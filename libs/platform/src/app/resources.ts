import type { LoggerService } from '@nestjs/common';
import type { Environment } from '../configuration/read-config.js';
import type { Need, OpenedResource, Waiting } from './need.js';

/** The resources of one process: each is opened once, whoever asks first, and closed in the reverse order. */
export class Resources {
  private readonly opened = new Map<Need<unknown>, Promise<OpenedResource<unknown>>>();

  /** Why a resource is not open yet, by the name of its need. */
  private readonly reasons = new Map<string, string>();
  private readonly ending = new AbortController();

  constructor(
    private readonly environment: Environment,
    private readonly clientId: string,
    private readonly logger: LoggerService,
  ) {}

  async open<Resource>(need: Need<Resource>): Promise<Resource> {
    let opening = this.opened.get(need) as Promise<OpenedResource<Resource>> | undefined;
    if (!opening) {
      opening = need.open(this.environment, {
        clientId: this.clientId,
        logger: this.logger,
        waiting: this.waitingOf(need.name),
        opened: (other) => this.openedOf(other),
      });
      this.opened.set(need, opening);
    }
    return (await opening).resource;
  }

  /** Which servers are waited for, and why; empty while nothing is. */
  waitsBecause(): readonly string[] {
    return [...this.reasons.values()];
  }

  /** Whatever waits for a server gives up. */
  stopWaiting(): void {
    this.ending.abort();
  }

  /** Closes what was opened, the newest first; what could not be opened has nothing to close. */
  async close(): Promise<void> {
    for (const opening of [...this.opened.values()].toReversed()) {
      const resource = await opening.catch(() => undefined);
      await resource?.close?.();
    }
    this.opened.clear();
  }

  private waitingOf(name: string): Waiting {
    return {
      because: (reason) => void this.reasons.set(name, reason),
      over: () => void this.reasons.delete(name),
      signal: this.ending.signal,
    };
  }

  private openedOf<Resource>(need: Need<Resource>): Promise<Resource> | undefined {
    const opening = this.opened.get(need) as Promise<OpenedResource<Resource>> | undefined;
    return opening?.then(({ resource }) => resource);
  }
}
