import type { EmbeddingEngine } from '../engines/engine.js';
import type { Gatherer } from '../engines/gatherer.js';
import { engineGatherer } from '../engines/engine-gatherer.js';
import type { PicturePreparer } from '../preparation/picture-preparer.js';
import type { PictureFault, PreparedPicture } from '../preparation/prepared-picture.js';
import type { SquareRing } from '../preparation/square-ring.js';
import { isFiniteRow, embeddedRows, type Unscorable } from '../engines/embedded-rows.js';
import { SharedReads } from '../shared-reads.js';

/** What is known of a picture once the model has seen it. */
export interface SeenPicture extends PreparedPicture {
  /** L2-normalised. */
  readonly embedding: Float32Array;
}

export interface PictureReaderParts {
  readonly engine: EmbeddingEngine;
  readonly preparer: PicturePreparer;
  readonly ring: SquareRing;
  /** Numbers of an embedding. */
  readonly dimension: number;
  /** Embeddings that are kept. */
  readonly cacheSize: number;
  /** Largest batch of the engine. */
  readonly mostPerBatch: number;
}

/** Turns pictures into embeddings, in batches of those that come at the same time; the same picture is looked at once. */
export class PictureReader {
  private readonly pictures: SharedReads<SeenPicture, PictureFault | Unscorable>;
  private readonly squares: Gatherer<number, Float32Array>;
  private preparing = 0;

  constructor(private readonly parts: PictureReaderParts) {
    this.pictures = new SharedReads(parts.cacheSize);
    this.squares = engineGatherer(parts.engine, {
      most: parts.mostPerBatch,
      compute: (places) => this.embed(places),
      moreComing: () => this.preparing > 0,
    });
  }

  /** Pictures by the stage that they are in. */
  get load(): { readonly preparing: number; readonly embedding: number } {
    return { preparing: this.preparing, embedding: this.squares.load };
  }

  /** @param key of the bytes, and of all that decides what is made of them */
  read(key: string, bytes: Buffer): Promise<SeenPicture | PictureFault | Unscorable> {
    return this.pictures.read(key, () => this.look(bytes));
  }

  private async look(bytes: Buffer): Promise<SeenPicture | PictureFault | Unscorable> {
    const { ring } = this.parts;
    const place = await ring.take();
    try {
      const prepared = await this.prepare(bytes, place);
      if ('outcome' in prepared) return prepared;
      const embedding = await this.squares.add(place);
      if (!isFiniteRow(embedding)) {
        return { outcome: 'unscorable', reason: 'the model gives no embedding of length 1 for the picture' };
      }
      return { embedding, ...prepared };
    } finally {
      ring.giveBack(place);
    }
  }

  private async prepare(bytes: Buffer, place: number): Promise<PreparedPicture | PictureFault> {
    this.preparing += 1;
    try {
      return await this.parts.preparer.prepare(bytes, place);
    } finally {
      this.preparing -= 1;
    }
  }

  private async embed(places: readonly number[]): Promise<readonly Float32Array[]> {
    const { engine, ring, dimension } = this.parts;
    const pixels = engine.pixelBuffer(places.length * ring.squareBytes);
    places.forEach((place, index) => pixels.set(ring.squareAt(place), index * ring.squareBytes));
    return embeddedRows(await engine.embedImages(pixels, places.length), dimension);
  }
}
