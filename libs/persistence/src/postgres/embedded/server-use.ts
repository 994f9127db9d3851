import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createCluster, type ServerSettings } from './cluster.js';
import { withFileLock } from './file-lock.js';
import { isFree } from './free-port.js';
import { leaveGuard, type Keeper } from './keeper.js';
import { runningPostmaster, stopPostmaster } from './postmaster.js';
import type { ServerPlace } from './server-place.js';
import { joinServer, startServer, type Durability, type UsedServer } from './server-process.js';
import type { ServerUser } from './server-user.js';

export interface ServerUseOptions {
  readonly place: ServerPlace;
  readonly user: ServerUser | undefined;
  readonly durability: Durability;
  /** Is told when the server is lost, why it can't be had again yet, and when it is back. */
  readonly onTrouble: (message: string) => void;
}

/** Between two attempts to have a lost server again. */
const AGAIN_AFTER_MS = 250;

/**
 * One use of the server of a place, from joining or starting it until it is left. A server that is lost in between (the kernel or
 * somebody killed its first process) is started again at the same address by whichever of its users comes first, so that everybody's
 * connections come back by themselves.
 */
export class ServerUse {
  private settings!: ServerSettings;
  private server!: UsedServer;
  private isLeaving = false;

  private constructor(private readonly options: ServerUseOptions) {}

  /** @param prepare what has to be done on the server before anybody uses it; where it fails, the server is left again. */
  static async begin(options: ServerUseOptions, prepare: (keeper: Keeper) => Promise<void>): Promise<ServerUse> {
    const use = new ServerUse(options);
    await use.locked(async () => {
      const { place, user, durability } = options;
      use.settings = await createCluster(place, user);
      const server =
        (await joinServer(place, use.settings)) ?? (await startServer(place, use.settings, user, durability));
      try {
        await use.leaveGuard(server.port);
        await prepare(server.keeper);
      } catch (error) {
        use.isLeaving = true;
        await leave(place, server);
        throw error;
      }
      use.keep(server);
    });
    return use;
  }

  get port(): number {
    return this.server.port;
  }

  get password(): string {
    return this.settings.password;
  }

  /** The server stops with its last user. */
  end(): Promise<void> {
    this.isLeaving = true;
    this.server.keeper.ref();
    return this.locked(() => leave(this.options.place, this.server));
  }

  private keep(server: UsedServer): void {
    this.server = server;
    server.keeper.unref();
    server.keeper.onEnd(() => {
      if (!this.isLeaving) void this.untilBack();
    });
  }

  /** Another one where it was ended while the server goes on; where the server ended, there is a new one with its new start. */
  private leaveGuard(port: number): Promise<void> {
    return leaveGuard(port, this.settings, () => {
      const again = (): void => {
        if (!this.isLeaving) void this.leaveGuard(port);
      };
      setTimeout(again, AGAIN_AFTER_MS).unref();
    });
  }

  private async untilBack(): Promise<void> {
    const { onTrouble } = this.options;
    let told: string | undefined;
    for (;;) {
      try {
        const found = await this.locked(() => this.comeBack());
        if (found === 'started') onTrouble('the embedded Postgres had ended and was started again');
        return;
      } catch (error) {
        const { message } = error as Error;
        if (message !== told) onTrouble(`the embedded Postgres is lost and can't be started again yet: ${message}`);
        told = message;
      }
      await pause(AGAIN_AFTER_MS, undefined, { ref: false });
    }
  }

  /** @throws Error where the server can't be had at the address that everybody knows */
  private async comeBack(): Promise<'left' | 'joined' | 'started'> {
    if (this.isLeaving) return 'left';
    const { place, user, durability } = this.options;
    const { port } = this.server;
    const settings = { ...this.settings, port };
    const joined = await joinServer(place, settings);
    if (!joined && !(await isFree(port))) throw new Error(`port ${port} on 127.0.0.1 is taken`);
    const server = joined ?? (await startServer(place, settings, user, durability));
    await this.leaveGuard(server.port);
    this.keep(server);
    return joined ? 'joined' : 'started';
  }

  private locked<T>(work: () => Promise<T>): Promise<T> {
    return withFileLock(join(this.options.place.dir, 'lock'), work);
  }
}

/** The last one stops the server. A keeper whose connection broke has left already, and the guard looks after the server. */
async function leave(place: ServerPlace, { keeper }: UsedServer): Promise<void> {
  const isLast = await keeper.isLast().catch(() => false);
  const postmaster = isLast ? await runningPostmaster(place) : undefined;
  if (postmaster) await stopPostmaster(place, postmaster);
  await keeper.leave();
}
