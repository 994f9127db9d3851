// The part of ONNX's protobuf schema (onnx.proto3, IR version 8, opset 17) that a graph of a few nodes needs. Test data only.

type Dimension = number | string;

export interface TensorShape {
  readonly name: string;
  readonly type: keyof typeof DATA_TYPES;
  /** Strings are symbolic sizes. */
  readonly shape: readonly Dimension[];
}

export interface Constant {
  readonly name: string;
  readonly type: 'float32' | 'int64';
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

export interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Integers only: that is all these graphs use. */
  readonly attributes?: Readonly<Record<string, number>>;
}

const DATA_TYPES = { float32: 1, uint8: 2, int64: 7 } as const;
const ATTRIBUTE_INT = 2;

/** Serialises one graph as an ONNX model. */
export function onnxModel(
  input: TensorShape,
  output: TensorShape,
  constants: readonly Constant[],
  nodes: readonly Node[],
): Buffer {
  const graph = message([
    ...nodes.map((node) => bytes(1, nodeOf(node))),
    bytes(2, Buffer.from('tiny')),
    ...constants.map((constant) => bytes(5, tensorOf(constant))),
    bytes(11, valueOf(input)),
    bytes(12, valueOf(output)),
  ]);
  const opset = message([bytes(1, Buffer.alloc(0)), integer(2, 17)]);
  return message([integer(1, 8), bytes(7, graph), bytes(8, opset)]);
}

function nodeOf({ operator, inputs, output, attributes = {} }: Node): Buffer {
  const encoded = Object.entries(attributes).map(([name, value]) =>
    bytes(5, message([bytes(1, Buffer.from(name)), integer(3, value), integer(20, ATTRIBUTE_INT)])),
  );
  return message([
    ...inputs.map((name) => bytes(1, Buffer.from(name))),
    bytes(2, Buffer.from(output)),
    bytes(4, Buffer.from(operator)),
    ...encoded,
  ]);
}

function tensorOf({ name, type, shape, data }: Constant): Buffer {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return message([
    ...shape.map((size) => integer(1, size)),
    integer(2, DATA_TYPES[type]),
    bytes(8, Buffer.from(name)),
    bytes(9, raw),
  ]);
}

function valueOf({ name, type, shape }: TensorShape): Buffer {
  const dimensions = shape.map((size) =>
    bytes(1, typeof size === 'number' ? integer(1, size) : bytes(2, Buffer.from(size))),
  );
  const tensor = message([integer(1, DATA_TYPES[type]), bytes(2, message(dimensions))]);
  return message([bytes(1, Buffer.from(name)), bytes(2, bytes(1, tensor))]);
}

function message(fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function bytes(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function varint(value: number): Buffer {
  const parts: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) parts.push(Number(rest & 127n) | 128);
  return Buffer.from([...parts, Number(rest)]);
}
