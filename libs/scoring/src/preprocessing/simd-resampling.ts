import type { RgbPicture } from '../pictures/rgb-picture.js';
import { RESAMPLING_WASM } from './resampling-wasm.js';
import type { Strip, Taps } from './resampling.js';
import type { SquarePlace } from './square-place.js';

/** Rows that are copied into the module's memory at a time: at most so many bytes, which a core's own cache has room for. */
const BLOCK_BYTES = 128 * 1024;
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
  rows(picture: RgbPicture, firstRow: number, rows: number, taps: Taps): Uint8Array {
    const memory = new Places(this.wasm);
    const pass = this.rowsPass(memory, { picture, firstRow, rows }, taps);
    memory.grow();
    pass.run();
    return memory.bytes.slice(pass.output, pass.output + rows * taps.count * 3);
  }

  /** As `resampleColumns` of `resampling.ts`. */
  columns({ data, rowBytes, firstRow }: Strip, taps: Taps, output: Uint8Array, outputAt: number): void {
    const memory = new Places(this.wasm);
    // The second tap of the last pair may be none, and lie behind the last row.
    const at = memory.room(data.length + rowBytes + BEYOND);
    const pass = this.columnsPass(memory, { at, rowBytes, firstRow }, taps);
    memory.grow();
    memory.bytes.set(data, at);
    pass.run();
    output.set(memory.bytes.subarray(pass.output, pass.output + taps.count * rowBytes), outputAt);
  }

  /** Both passes, one after the other; what lies between them never leaves the module's memory. */
  both(part: PictureRows, horizontal: Taps, vertical: Taps, { output, at }: SquarePlace): void {
    const memory = new Places(this.wasm);
    const first = this.rowsPass(memory, part, horizontal);
    const rowBytes = horizontal.count * 3;
    const second = this.columnsPass(memory, { at: first.output, rowBytes, firstRow: part.firstRow }, vertical);
    memory.grow();
    first.run();
    second.run();
    output.set(memory.bytes.subarray(second.output, second.output + vertical.count * rowBytes), at);
  }

  private rowsPass(memory: Places, { picture: { data, width }, firstRow, rows }: PictureRows, taps: Taps): Pass {
    const { count } = taps;
    const rowBytes = width * 3;
    const blockRows = Math.max(2, 2 * Math.floor(BLOCK_BYTES / rowBytes / 2));
    const split = splitWeights(taps, 4);
    const starts = memory.put(taps.starts.map((start) => start * 3));
    const [groups, weights] = [memory.put(split.counts), memory.put(split.weights)];
    // Rows are computed two at a time: behind an odd one lies whatever was there.
    const block = memory.room((blockRows + 1) * rowBytes + BEYOND);
    // The last row twice: once more for an odd one, and for the vertical pass, which reads rows by pairs.
    const output = memory.room((rows + 2) * count * 3 + BEYOND);
    const run = (): void => {
      const { bytes } = memory;
      for (let done = 0; done < rows; done += blockRows) {
        const some = Math.min(blockRows, rows - done);
        const from = (firstRow + done) * rowBytes;
        bytes.set(data.subarray(from, from + some * rowBytes), block);
        this.wasm.rows(block, some, rowBytes, output + done * count * 3, count, starts, groups, weights, split.most);
      }
    };
    return { output, run };
  }

  private columnsPass(memory: Places, strip: StripInMemory, taps: Taps): Pass {
    const { count } = taps;
    const { at, rowBytes, firstRow } = strip;
    const split = splitWeights(taps, 2);
    const starts = memory.put(taps.starts.map((start) => start - firstRow));
    const [pairs, weights] = [memory.put(split.counts), memory.put(split.weights)];
    const output = memory.room(count * rowBytes + BEYOND);
    const run = (): void => this.wasm.columns(at, rowBytes, output, count, starts, pairs, weights, split.most);
    return { output, run };
  }
}

/** Rows of a picture, the first one and how many. */
interface PictureRows {
  readonly picture: RgbPicture;
  readonly firstRow: number;
  readonly rows: number;
}

/** As `Strip`, in the module's memory. */
interface StripInMemory extends Omit<Strip, 'data'> {
  readonly at: number;
}

/** A pass whose places are known; it runs once the memory is large enough for all of them. */
interface Pass {
  /** Where its rows lie then. */
  readonly output: number;
  run(): void;
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

/** By the size of the groups: taps are kept where pictures of one size come again and again. */
const known = { 2: new WeakMap<Taps, SplitWeights>(), 4: new WeakMap<Taps, SplitWeights>() } as const;

/** @param size taps of a group; those that are missing in the last one weigh nothing */
function splitWeights(taps: Taps, size: 2 | 4): SplitWeights {
  const before = known[size].get(taps);
  if (before !== undefined) return before;
  const split = splitNow(taps, size);
  known[size].set(taps, split);
  return split;
}

function splitNow({ count, lengths, weights, stride }: Taps, size: 2 | 4): SplitWeights {
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
