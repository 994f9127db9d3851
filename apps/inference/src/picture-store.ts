import { mkdirSync, unlink, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Image } from '#libs/contracts';
import { sha256Of } from '#libs/telemetry';
import { encodePng } from './png.js';

export interface StoredPicture {
  readonly image: Image;
  readonly bytes: Buffer;
}

/**
 * Pictures as PNG files in one folder. Only the newest `keep` stay: a demonstration that makes a hundred thousand pictures
 * must not fill the disk. The write is synchronous: a picture has to be there before its URI is told to anybody,
 * and 8 KiB into the page cache cost less than a trip through the thread pool.
 */
export class PictureStore {
  private readonly folder: string;
  private readonly ring: (string | undefined)[];
  private next = 0;

  constructor(folder: string, keep: number) {
    this.folder = resolve(folder);
    this.ring = Array.from({ length: keep });
    mkdirSync(this.folder, { recursive: true });
  }

  /** @param pixels 8-bit RGB, `width * height * 3` bytes */
  save(name: string, pixels: Uint8Array, width: number, height: number): StoredPicture {
    const bytes = encodePng(pixels, width, height);
    const path = join(this.folder, `${name}.png`);
    writeFileSync(path, bytes);
    this.forgetOldest(path);
    return {
      bytes,
      image: {
        uri: pathToFileURL(path).href,
        sha256: sha256Of(bytes),
        format: 'png',
        width,
        height,
        bytes: bytes.length,
      },
    };
  }

  private forgetOldest(path: string): void {
    const oldest = this.ring[this.next];
    this.ring[this.next] = path;
    this.next = (this.next + 1) % this.ring.length;
    if (oldest !== undefined && oldest !== path) unlink(oldest, () => undefined);
  }
}
