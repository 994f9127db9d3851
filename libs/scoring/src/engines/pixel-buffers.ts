/** One that is being filled, one on its way, one that is computed. */
const MOST_SPARE = 3;

/**
 * Memory for pixels on their way to an engine's thread and back. It is handed over and never copied; what new memory costs is that the
 * system clears and maps it page by page while it is first written, which for a batch takes longer than a fast GPU computes it.
 */
export class PixelBuffers {
  /** By length, the shortest first. */
  private spare: ArrayBuffer[] = [];

  /** @returns room for so many bytes, with the rest of its buffer behind it; what is in it is left of earlier pictures */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const fitting = this.spare.findIndex(({ byteLength }) => byteLength >= bytes);
    const buffer = fitting === -1 ? new ArrayBuffer(bytes) : this.spare.splice(fitting, 1)[0]!;
    return new Uint8Array(buffer, 0, bytes);
  }

  /** Keeps the memory for the next ones; of too much, the shortest goes. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.spare.push(buffer);
    this.spare.sort((left, right) => left.byteLength - right.byteLength);
    if (this.spare.length > MOST_SPARE) this.spare.shift();
  }
}
