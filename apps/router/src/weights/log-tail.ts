import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { parsedJson } from '#libs/contracts';
import { writeAtomically } from '../write-atomically.js';

const LOOK_EVERY_MS = 200;
const CHUNK_BYTES = 256 * 1024;
/** A line that is longer is none of ours. */
const LONGEST_LINE_BYTES = 64 * 1024;

const placeInLog = z.object({ ino: z.number(), offset: z.int().min(0) });
type PlaceInLog = z.infer<typeof placeInLog>;

export interface LogTailOptions {
  readonly path: string;
  /** Where it is kept how far it was read; undefined: every start begins at the end. */
  readonly placeFile: string | undefined;
  readonly onLine: (line: string) => void;
  /** Whether what was read is done with: nothing more is read before, and only then the place is kept. */
  readonly isTaken: () => boolean;
  readonly onTrouble: (message: string) => void;
}

/**
 * Reads what is added to a log file, from where the last run stopped, the first time from its end. A file that was moved away is read to its end, then the new
 * one from its beginning. What was read shortly before a crash is read again.
 */
export class LogTail {
  private file: FileHandle | undefined;
  private place: PlaceInLog = { ino: 0, offset: 0 };
  private rest = Buffer.alloc(0);
  private keptAt = -1;
  private trouble = '';
  private closed = false;
  private timer: NodeJS.Timeout | undefined;
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly options: LogTailOptions) {}

  start(): void {
    this.reading = this.look(true);
    void this.reading.then(() => this.again());
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.reading;
    await this.keepPlace();
    await this.file?.close();
  }

  private again(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.reading = this.look(false);
      void this.reading.then(() => this.again());
    }, LOOK_EVERY_MS);
  }

  private async look(isFirst: boolean): Promise<void> {
    try {
      if (isFirst) await this.find();
      if (!this.options.isTaken()) return;
      await this.keepPlace();
      await this.read();
      await this.follow();
      this.trouble = '';
    } catch (error) {
      this.tell((error as Error).message);
    }
  }

  /** Where the last run stopped, also where the file was moved aside meanwhile; else the present end. */
  private async find(): Promise<void> {
    const before = await this.keptPlace();
    if (!before) return this.openAt(this.options.path, undefined);
    for (const path of [this.options.path, `${this.options.path}.1`]) {
      const found = await stat(path).catch(() => undefined);
      if (found?.ino === before.ino && found.size >= before.offset) return this.openAt(path, before.offset);
    }
    await this.openAt(this.options.path, 0);
  }

  private async openAt(path: string, offset: number | undefined): Promise<void> {
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!file) return;
    await this.file?.close();
    const { ino, size } = await file.stat();
    this.file = file;
    this.rest = Buffer.alloc(0);
    this.place = { ino, offset: offset ?? size };
  }

  private async read(): Promise<void> {
    const { file } = this;
    if (!file) return;
    const { size } = await file.stat();
    // Emptied in place.
    if (size < this.place.offset + this.rest.length) {
      this.place = { ...this.place, offset: 0 };
      this.rest = Buffer.alloc(0);
    }
    for (;;) {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, this.place.offset + this.rest.length);
      if (bytesRead === 0) return;
      this.take(Buffer.concat([this.rest, buffer.subarray(0, bytesRead)]));
      if (!this.options.isTaken()) return;
    }
  }

  private take(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      this.options.onLine(bytes.toString('utf8', from, end));
      from = end + 1;
    }
    const isTooLong = bytes.length - from > LONGEST_LINE_BYTES;
    this.place = { ...this.place, offset: this.place.offset + (isTooLong ? bytes.length : from) };
    this.rest = isTooLong ? Buffer.alloc(0) : Buffer.from(bytes.subarray(from));
  }

  /** To the new file where there is one, once nothing more comes in the old one. */
  private async follow(): Promise<void> {
    const found = await stat(this.options.path).catch(() => undefined);
    if (!found || found.ino === this.place.ino) return;
    await this.read();
    if (this.options.isTaken()) await this.openAt(this.options.path, 0);
  }

  private async keptPlace(): Promise<PlaceInLog | undefined> {
    const { placeFile } = this.options;
    if (placeFile === undefined) return undefined;
    const text = await readFile(placeFile, 'utf8').catch(() => '');
    return placeInLog.safeParse(parsedJson(text)).data;
  }

  private async keepPlace(): Promise<void> {
    const { placeFile } = this.options;
    if (placeFile === undefined || !this.file || this.place.offset === this.keptAt) return;
    this.keptAt = this.place.offset;
    await writeAtomically(placeFile, `${JSON.stringify(this.place)}\n`, 0o600);
  }

  private tell(message: string): void {
    if (message === this.trouble) return;
    this.trouble = message;
    this.options.onTrouble(`${this.options.path} can't be read: ${message}`);
  }
}
