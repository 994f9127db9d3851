/** A tensor in a file, its numbers one after the other, row-major, little endian. */
export interface TensorSource {
  readonly path: string;
  /** As safetensors calls it. */
  readonly type: string;
  /** Bytes of one number. */
  readonly bytesEach: number;
  readonly shape: readonly number[];
  /** Bytes from the beginning of the file: first one, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}
