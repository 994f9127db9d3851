import { bytesField, floatField, integerField, type Field } from './protobuf.js';

// Messages of ONNX (onnx.proto3): field numbers are those of the schema.

const DATA_TYPES = { float32: 1, uint8: 2, int64: 7, float16: 10 } as const;
const ATTRIBUTE = { float: 1, integer: 2, integers: 7 } as const;
const EXTERNAL = 1;

/** Where LayerNormalization and the reductions by axes as an input are; onnxruntime has it since 1.18. */
const OPSET = 20;
const IR_VERSION = 9;
/** onnxruntime's own operators: fused attention and the activations. */
export const MICROSOFT = 'com.microsoft';

export type DataType = keyof typeof DATA_TYPES;
export type EnginePrecision = 'f32' | 'f16';

export interface GraphValue {
  readonly name: string;
  readonly type: DataType;
  /** Strings are symbolic sizes. */
  readonly shape: readonly (number | string)[];
}

/** Integers, lists of integers, or `{ float }`. */
type Attribute = number | readonly number[] | { readonly float: number };

/** Numbers of a graph that are written beside it, read only when their turn comes. */
export interface GraphConstant {
  readonly name: string;
  readonly shape: readonly number[];
  read(): Promise<Float32Array<ArrayBuffer>>;
}

/** Collects the nodes and constants of one ONNX graph, in the order in which they compute. */
export class GraphBuilder {
  readonly constants: GraphConstant[] = [];
  private readonly nodes: Field[] = [];
  private readonly small: Field[] = [];
  private next = 0;

  constructor(readonly precision: EnginePrecision) {}

  /** The type in which the towers compute. */
  get type(): DataType {
    return this.precision === 'f16' ? 'float16' : 'float32';
  }

  /** Adds a node with one output; returns the output's name. */
  add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = `${operator.toLowerCase()}_${this.next++}`,
  ): string {
    const [domain, name] = operator.includes(':') ? operator.split(':') : ['', operator];
    this.nodes.push(
      bytesField(
        1,
        Buffer.concat([
          ...inputs.map((input) => bytesField(1, input)),
          bytesField(2, output),
          bytesField(4, name!),
          ...Object.entries(attributes).map(([key, value]) => bytesField(5, attributeOf(key, value))),
          bytesField(7, domain!),
        ]),
      ),
    );
    return output;
  }

  cast(input: string, type: DataType): string {
    return this.add('Cast', [input], { to: DATA_TYPES[type] });
  }

  /** Numbers in the towers' precision, stored beside the graph. */
  weight(constant: GraphConstant): string {
    this.constants.push(constant);
    return constant.name;
  }

  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.inline('int64', shape, Buffer.from(BigInt64Array.from(values, BigInt).buffer));
  }

  /** Single precision, whatever the towers compute in. */
  floats(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.inline('float32', shape, Buffer.from(Float32Array.from(values).buffer));
  }

  private inline(type: DataType, shape: readonly number[], raw: Buffer): string {
    const name = `constant_${this.next++}`;
    this.small.push(bytesField(5, Buffer.concat([...tensorHead(name, DATA_TYPES[type], shape), bytesField(9, raw)])));
    return name;
  }

  /**
   * The model, with its constants at these places of the file `dataFile` beside it.
   * @param places byte offset and length of each of {@link constants}
   */
  model(
    input: GraphValue,
    output: GraphValue,
    external: {
      readonly dataFile: string;
      readonly places: readonly { readonly at: number; readonly bytes: number }[];
    },
  ): Buffer {
    const constants = this.constants.map(({ name, shape }, index) => {
      const { at, bytes } = external.places[index]!;
      const entries = { location: external.dataFile, offset: String(at), length: String(bytes) };
      return bytesField(
        5,
        Buffer.concat([
          ...tensorHead(name, DATA_TYPES[this.type], shape),
          ...Object.entries(entries).map(([key, value]) =>
            bytesField(13, Buffer.concat([bytesField(1, key), bytesField(2, value)])),
          ),
          integerField(14, EXTERNAL),
        ]),
      );
    });
    const graph = [
      ...this.nodes,
      bytesField(2, 'tower'),
      ...this.small,
      ...constants,
      bytesField(11, valueOf(input)),
      bytesField(12, valueOf(output)),
    ];
    return Buffer.concat([
      integerField(1, IR_VERSION),
      bytesField(2, 'teststrip'),
      bytesField(7, Buffer.concat(graph)),
      ...opsets({ '': OPSET, [MICROSOFT]: 1 }),
    ]);
  }
}

function opsets(versions: Readonly<Record<string, number>>): readonly Field[] {
  return Object.entries(versions).map(([domain, version]) =>
    bytesField(8, Buffer.concat([bytesField(1, domain), integerField(2, version)])),
  );
}

function attributeOf(name: string, value: Attribute): Buffer {
  const key = bytesField(1, name);
  if (typeof value === 'number')
    return Buffer.concat([key, integerField(3, value), integerField(20, ATTRIBUTE.integer)]);
  if ('float' in value) return Buffer.concat([key, floatField(2, value.float), integerField(20, ATTRIBUTE.float)]);
  return Buffer.concat([key, ...value.map((one) => integerField(8, one)), integerField(20, ATTRIBUTE.integers)]);
}

function tensorHead(name: string, type: number, shape: readonly number[]): readonly Field[] {
  return [...shape.map((size) => integerField(1, size)), integerField(2, type), bytesField(8, name)];
}

function valueOf({ name, type, shape }: GraphValue): Buffer {
  const dimensions = shape.map((size) =>
    bytesField(1, typeof size === 'number' ? integerField(1, size) : bytesField(2, size)),
  );
  const tensor = Buffer.concat([integerField(1, DATA_TYPES[type]), bytesField(2, Buffer.concat(dimensions))]);
  return Buffer.concat([bytesField(1, name), bytesField(2, bytesField(1, tensor))]);
}
