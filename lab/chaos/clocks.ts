import { existsSync, readdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** https://github.com/wolfcw/libfaketime, by the packages of distributions (`apt-get install libfaketime`). */
const FOLDERS = [
  '/usr/lib/faketime',
  '/usr/local/lib/faketime',
  ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((triplet) => `/usr/lib/${triplet}/faketime`) : []),
];
/** Of several threads. */
const LIBRARY = 'libfaketimeMT.so.1';

/** Undefined where it is not installed. */
export function faketimeLibrary(): string | undefined {
  return FOLDERS.map((folder) => join(folder, LIBRARY)).find((file) => existsSync(file));
}

/** A clock for each process that can be set while it runs. What counts time without a date (timers, `performance.now`) goes on as it did. */
export class Clocks {
  constructor(
    private readonly library: string,
    readonly folder: string,
  ) {}

  /** @returns what a process is started with to go by this clock. */
  async settingsOf(name: string): Promise<Readonly<Record<string, string>>> {
    await this.set(name, 0);
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.fileOf(name),
      // Seconds after which it looks again.
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** @param aheadMs of the machine's clock; negative: behind */
  async set(name: string, aheadMs: number): Promise<void> {
    const seconds = aheadMs / 1000;
    // At once: whoever reads half of it has another time.
    await writeFile(`${this.fileOf(name)}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    await rename(`${this.fileOf(name)}.new`, this.fileOf(name));
  }

  private fileOf(name: string): string {
    return join(this.folder, `clock-of-${name}`);
  }
}
