import { randomUUID } from 'node:crypto';
import { constants, lstatSync, mkdirSync, readdirSync, rmSync, type Stats } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TeststripEvent } from '#libs/contracts';

export interface SpoolOptions {
  /** A folder of this process alone, the same after a new start; it is made. */
  readonly folder: string;
  /** Most bytes of it; what is oldest goes beyond. Default 1 GiB. */
  readonly largestBytes?: number;
}

/** One batch of events on the disk. */
interface Segment {
  readonly number: number;
  readonly events: number;
  readonly bytes: number;
}

const LARGEST_BYTES = 1024 ** 3;
/** There is room for a batch before the first one. */
const FIRST_NUMBER = 1_000_000_000;
const NAME = /^(\d{12})-(\d+)\.jsonl$/;

/**
 * Events on the disk, batch by batch, in the order in which they are to be published: what a queue has no room for, or could not publish before its end.
 * A batch is there as a whole or not at all, and stays until it was published. The folder may be one that others write into (`/tmp`, a volume): no link of theirs is followed, and no file of
 * another account is published as ours, or removed.
 */
export class EventSpool {
  private readonly segments: Segment[];
  private readonly largestBytes: number;
  private reading: Segment | undefined;

  /** Finds what an earlier process has left. @throws where the folder can't be made or read */
  constructor(
    private readonly options: SpoolOptions,
    /** Hears how many of the oldest events there is no room for. */
    private readonly onDropped: (events: number) => void,
  ) {
    const { folder, largestBytes = LARGEST_BYTES } = options;
    this.largestBytes = largestBytes;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const own = readdirSync(folder).filter((name) => isOwnFile(lstatSync(join(folder, name))));
    // A process that was killed while it wrote.
    for (const name of own) if (name.endsWith('.part')) rmSync(join(folder, name), { force: true });
    this.segments = own.flatMap((name) => {
      const [, number, events] = NAME.exec(name) ?? [];
      return number === undefined
        ? []
        : [{ number: Number(number), events: Number(events), bytes: lstatSync(join(folder, name)).size }];
    });
    this.segments.sort((one, other) => one.number - other.number);
  }

  get isEmpty(): boolean {
    return this.segments.length === 0;
  }

  /** How many events there are. */
  get events(): number {
    return this.segments.reduce((sum, { events }) => sum + events, 0);
  }

  /** Behind all others. @throws what the disk fails with; then none of them is there */
  append(events: readonly TeststripEvent[]): Promise<void> {
    return this.write((this.segments.at(-1)?.number ?? FIRST_NUMBER) + 1, events);
  }

  /** Before all others. @throws what the disk fails with; then none of them is there */
  prepend(events: readonly TeststripEvent[]): Promise<void> {
    return this.write((this.segments[0]?.number ?? FIRST_NUMBER) - 1, events);
  }

  /** The oldest batch, which stays until it is removed; undefined: there is none. @throws what the disk fails with */
  async first(): Promise<readonly TeststripEvent[] | undefined> {
    this.reading = this.segments[0];
    if (!this.reading) return undefined;
    const text = await readOwnFile(this.pathOf(this.reading));
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TeststripEvent);
  }

  /** The batch that was read last is published, or is no use to anybody. @returns how many events it had */
  async removeFirst(): Promise<number> {
    const { reading } = this;
    this.reading = undefined;
    if (reading) await this.remove(reading);
    return reading?.events ?? 0;
  }

  private async write(number: number, events: readonly TeststripEvent[]): Promise<void> {
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
    const segment = { number, events: events.length, bytes: Buffer.byteLength(text) };
    const path = this.pathOf(segment);
    const part = `${path}.${randomUUID()}.part`;
    try {
      // Made anew, so that no link is followed.
      await writeFile(part, text, { mode: 0o600, flag: 'wx' });
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true }).catch(() => undefined);
      throw error;
    }
    this.segments.push(segment);
    this.segments.sort((one, other) => one.number - other.number);
    await this.makeRoom();
  }

  /** What is about to be published stays. */
  private async makeRoom(): Promise<void> {
    let bytes = this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    for (const oldest of this.segments.slice(0, -1)) {
      if (bytes <= this.largestBytes) return;
      if (oldest === this.reading) continue;
      bytes -= oldest.bytes;
      await this.remove(oldest);
      this.onDropped(oldest.events);
    }
  }

  private async remove(segment: Segment): Promise<void> {
    this.segments.splice(this.segments.indexOf(segment), 1);
    await rm(this.pathOf(segment), { force: true });
  }

  private pathOf({ number, events }: Segment): string {
    return join(this.options.folder, `${String(number).padStart(12, '0')}-${events}.jsonl`);
  }
}

/** A regular file of the account that this process runs under. */
function isOwnFile(stats: Stats): boolean {
  return stats.isFile() && (process.getuid === undefined || stats.uid === process.getuid());
}

/** @throws where it is a link, no regular file, or another account's */
async function readOwnFile(path: string): Promise<string> {
  // Opening a pipe would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!isOwnFile(await file.stat())) throw new Error(`${path} is no file of this account`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
