import type { RgbPicture } from '../pictures/rgb-picture.js';
import { RESAMPLING_WASM } from './resampling-wasm.js';
import type { Strip, Taps } from './resampling.js';

/** Rows that are copied into the module's memory at a time: at most so many bytes. */
const BLOCK_BYTES = 1024 * 1024;
/** Vectors are read and written whole, beyond the end of what is meant. */
const BEYOND = 64;
/** A 22-bit weight is split for 16-bit products: weight = high · 2¹¹ + low. */
const LOW_BITS = 11;

/** The part of WebAssembly that is used here, which is no part of ECMAScript's types. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    validate(code: Uint8Array): boolean;
    readonly Module: new (code: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
};

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Where memory begins that is nobody's. */
  readonly __heap_base: { readonly value: number };
  rows(...places: readonly number[]): void;
  columns(...places: readonly number[]): void;
}

/** The two passes of `resampling.ts` on 128-bit vectors, the same to the last bit and several times as fast; in one thread of one JavaScript realm. */
export class SimdResampling {
  private constructor(private readonly wasm: Exports) {}

  /** Undefined where the machine has no such vectors. */
  static create(): SimdResampling | undefined {
    const code = Buffer.from(RESAMPLING_WASM, 'base64');
    if (!WebAssembly.validate(code)) return undefined;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
    return new SimdResampling(exports as Exports);
  }

  /** As `resampleRows` of `resampling.ts`. */
  rows({ data, width }: RgbPicture, firstRow: number, rows: number, taps: Taps): Uint8Array {
    const { count } = taps;
    const [rowBytes, outputBytes] = [width * 3, rows * count * 3];
    const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
    const split = splitWeights(taps, 4);
    const memory = new Places(this.wasm);
    const starts = memory.put(taps.starts.map((start) => start * 3));
    const [groups, weights] = [memory.put(split.counts), memory.put(split.weights)];
    // Rows are computed two at a time: behind an odd one lies whatever was there.
    const block = memory.room((blockRows + 1) * rowBytes + BEYOND);
    const output = memory.room(outputBytes + count * 3 + BEYOND);
    memory.grow();
    for (let done = 0; done < rows; done += blockRows) {
      const some = Math.min(blockRows, rows - done);
      const from = (firstRow + done) * rowBytes;
      memory.bytes.set(data.subarray(from, from + some * rowBytes), block);
      const to = output + done * count * 3;
      this.wasm.rows(block, some, rowBytes, to, count, starts, groups, weights, split.most);
    }
    return memory.bytes.slice(output, output + outputBytes);
  }

  /** As `resampleColumns` of `resampling.ts`. */
  columns({ data, rowBytes, firstRow }: Strip, taps: Taps, output: Uint8Array, outputAt: number): void {
    const { count } = taps;
    const split = splitWeights(taps, 2);
    const memory = new Places(this.wasm);
    const starts = memory.put(taps.starts.map((start) => start - firstRow));
    const [pairs, weights] = [memory.put(split.counts), memory.put(split.weights)];
    // The second tap of the last pair may be none, and lie behind the last row.
    const strip = memory.room(data.length + rowBytes + BEYOND);
    const to = memory.room(count * rowBytes + BEYOND);
    memory.grow();
    memory.bytes.set(data, strip);
    this.wasm.columns(strip, rowBytes, to, count, starts, pairs, weights, split.most);
    output.set(memory.bytes.subarray(to, to + count * rowBytes), outputAt);
  }
}

/** Where things lie in the module's memory during one call. */
class Places {
  private end: number;
  private readonly waiting: { readonly values: Int32Array; readonly at: number }[] = [];

  constructor(private readonly wasm: Exports) {
    this.end = aligned(wasm.__heap_base.value);
  }

  /** Written by {@link grow}. */
  put(values: Int32Array): number {
    const at = this.room(values.byteLength);
    this.waiting.push({ values, at });
    return at;
  }

  room(bytes: number): number {
    const at = this.end;
    this.end = aligned(this.end + bytes);
    return at;
  }

  grow(): void {
    const { memory } = this.wasm;
    const lacking = this.end - memory.buffer.byteLength;
    if (lacking > 0) memory.grow(Math.ceil(lacking / 65_536));
    for (const { values, at } of this.waiting) new Int32Array(memory.buffer, at, values.length).set(values);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.wasm.memory.buffer);
  }
}

function aligned(at: number): number {
  return Math.ceil(at / 16) * 16;
}

interface SplitWeights {
  /** Groups of each output sample, and the most of any. */
  readonly counts: Int32Array;
  readonly most: number;
  /** For each sample `most` groups: its pairs of high parts, then its pairs of low parts, two 16-bit numbers each. */
  readonly weights: Int32Array;
}

/** @param size taps of a group; those that are missing in the last one weigh nothing */
function splitWeights({ count, lengths, weights, stride }: Taps, size: 2 | 4): SplitWeights {
  const counts = lengths.map((length) => Math.ceil(length / size));
  const most = Math.max(...counts);
  const split = new Int16Array(count * most * size * 2);
  for (let index = 0; index < count; index += 1) {
    for (let tap = 0; tap < lengths[index]!; tap += 1) {
      const weight = weights[index * stride + tap]!;
      const group = (index * most + Math.floor(tap / size)) * size * 2 + (tap % size);
      split[group] = weight >> LOW_BITS;
      split[group + size] = weight & (2 ** LOW_BITS - 1);
    }
  }
  return { counts, most, weights: new Int32Array(split.buffer) };
}
