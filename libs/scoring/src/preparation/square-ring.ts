import type { SquarePlace } from '../preprocessing/square-place.js';

/**
 * Memory for the squares that wait for the model, taken once: threads that decode write into it, and who finds no free place waits, first come
 * first served. That bounds what lies between decoding and the engine.
 */
export class SquareRing {
  /** Shared with the threads. */
  readonly memory: SharedArrayBuffer;
  private readonly bytes: Uint8Array;
  /** The place that was given back last is the first to be used again: its pages are mapped, and warm. */
  private readonly free: number[];
  private readonly waiting: ((place: number) => void)[] = [];

  constructor(
    readonly places: number,
    readonly squareBytes: number,
  ) {
    this.memory = new SharedArrayBuffer(places * squareBytes);
    this.bytes = new Uint8Array(this.memory);
    this.free = Array.from({ length: places }, (_, index) => places - 1 - index);
  }

  get taken(): number {
    return this.places - this.free.length;
  }

  /** @returns the number of a place that nobody else writes to until it is given back */
  async take(): Promise<number> {
    const place = this.free.pop();
    return place ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  giveBack(place: number): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(place);
    else next(place);
  }

  placeOf(place: number): SquarePlace {
    return { output: this.bytes, at: place * this.squareBytes };
  }

  squareAt(place: number): Uint8Array {
    return this.bytes.subarray(place * this.squareBytes, (place + 1) * this.squareBytes);
  }
}
