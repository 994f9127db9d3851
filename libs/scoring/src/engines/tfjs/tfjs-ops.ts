/** A tensor of TensorFlow.js, on the device. Types of our own: the packages are optional, and the build must do without them. */
export interface Tensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Values = readonly number[] | Float32Array | Int32Array;
type Unary = (input: Tensor) => Tensor;
/** Broadcasts. */
type Binary = (left: Tensor, right: Tensor | number) => Tensor;

/** The ops of `@tensorflow/tfjs-core` that the towers are made of, whatever computes them. */
export interface Tfjs {
  ready(): Promise<void>;
  setBackend(name: string): Promise<boolean>;
  getBackend(): string;
  backend(): object;

  /** Frees what `work` made and does not return. */
  tidy<Result>(work: () => Result): Result;
  dispose(tensors: readonly Tensor[]): void;
  tensor(values: Values, shape: readonly number[], type: 'float32' | 'int32'): Tensor;

  reshape(input: Tensor, shape: readonly number[]): Tensor;
  transpose(input: Tensor, axes?: readonly number[]): Tensor;
  slice(input: Tensor, begin: readonly number[], size: readonly number[]): Tensor;
  concat(parts: readonly Tensor[], axis: number): Tensor;
  split(input: Tensor, count: number, axis: number): readonly Tensor[];
  tile(input: Tensor, times: readonly number[]): Tensor;
  gather(table: Tensor, indices: Tensor): Tensor;

  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly pow: Binary;
  readonly square: Unary;
  readonly rsqrt: Unary;
  readonly sigmoid: Unary;
  readonly erf: Unary;
  readonly tanh: Unary;
  /** Over the last axis. */
  readonly softmax: Unary;
  sum(input: Tensor, axis: number): Tensor;
  mean(input: Tensor, axis: number, keepDims: boolean): Tensor;
  matMul(left: Tensor, right: Tensor, transposeLeft?: boolean, transposeRight?: boolean): Tensor;
  readonly fused: { matMul(input: { readonly a: Tensor; readonly b: Tensor; readonly bias?: Tensor }): Tensor };
}
