import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { writeAtomically } from '../write-atomically.js';
import { envoyRoutes, envoyVersion, type EnvoyRoutesOptions } from './envoy-routes.js';
import type { Split } from './split.js';
import type { TargetPlan, WeightsTarget } from './weights-target.js';

export interface EnvoyTargetOptions extends EnvoyRoutesOptions {
  readonly service: string;
  /** Watched by Envoy, which notices that it is replaced. */
  readonly file: string;
  /** Address of Envoy's admin. */
  readonly admin: string;
}

const LOOK_EVERY_MS = 50;
const LARGEST_DUMP_BYTES = 8 * 1024 * 1024;

const dump = z.object({
  configs: z
    .array(
      z.object({
        version_info: z.string().optional(),
        route_config: z.object({ name: z.string() }).loose().optional(),
      }),
    )
    .default([]),
});

/** Envoy, by the file of a route configuration; its admin says which version it serves. */
export class EnvoyTarget implements WeightsTarget {
  readonly service: string;
  readonly name: string;
  readonly abilities = { stepPpm: 1, isSticky: false };
  readonly seenWithinMs = 5_000;

  constructor(private readonly options: EnvoyTargetOptions) {
    this.service = options.service;
    this.name = `envoy, ${options.file}`;
  }

  planOf(split: Split): TargetPlan {
    const content = envoyRoutes(split, this.options);
    const key = envoyVersion(split);
    return {
      key,
      apply: (signal) => this.apply(content, key, signal),
      isServed: async (signal) => (await this.servedVersion(signal)) === key,
    };
  }

  private async apply(content: string, key: string, signal: AbortSignal): Promise<void> {
    await writeAtomically(this.options.file, content, 0o644);
    for (;;) {
      const version = await this.servedVersion(signal).catch((error: Error) => error.message);
      if (version === key) return;
      if (signal.aborted) throw new Error(`Envoy was told of ${key} and serves ${version}: its log says why`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  private async servedVersion(signal: AbortSignal): Promise<string> {
    const response = await fetch(new URL('/config_dump?resource=dynamic_route_configs', this.options.admin), {
      signal,
    });
    const text = await response.text();
    if (!response.ok || text.length > LARGEST_DUMP_BYTES) throw new Error(`its admin answers ${response.status}`);
    const { configs } = dump.parse(JSON.parse(text));
    const own = configs.find(({ route_config: served }) => served?.name === this.options.route);
    return own?.version_info ?? 'nothing of it';
  }
}
