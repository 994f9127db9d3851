// The wire format of protocol buffers, as far as ONNX's messages need it (https://protobuf.dev/programming-guides/encoding/).

export type Field = Buffer;

/** A sub-message, a string or raw bytes under a field's number. */
export function bytesField(field: number, content: Buffer | string): Field {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

export function integerField(field: number, value: number): Field {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

/** A 32-bit float. */
export function floatField(field: number, value: number): Field {
  const body = Buffer.alloc(4);
  body.writeFloatLE(value);
  return Buffer.concat([varint(field * 8 + 5), body]);
}

function varint(value: number): Buffer {
  const parts: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) parts.push(Number(rest & 127n) | 128);
  return Buffer.from([...parts, Number(rest)]);
}
