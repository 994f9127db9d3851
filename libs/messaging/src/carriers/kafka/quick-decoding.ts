import { createRequire } from 'node:module';

/** What is used of the client's decoder. */
interface Decoder {
  readonly buffer: Buffer;
  offset: number;
  readVarInt(): number;
  readVarLong(): unknown;
  readVarIntBytes(): Buffer | null;
  readVarIntArray(reader: unknown): object;
}

/** As the client's record decoder asks for headers: an array that it reduces to an object. */
interface ReadHeaders {
  reduce(): Record<string, Buffer | null | (Buffer | null)[]>;
}

/** From here on a number of seven-bit groups may be no safe integer. */
const LARGEST_SCALE = 2 ** 42;
let quick = false;

/**
 * kafkajs 2.2.4 copies the object of a record's headers once for each of them, and adds up every record's time in BigInts, group by group of seven bits:
 * half of what it takes to decode one of our events. This reads the same in one pass. Idempotent.
 */
export function quickenDecoding(): void {
  if (quick) return;
  quick = true;
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/protocol/decoder') as { prototype: Decoder };
  const Long = require('kafkajs/src/utils/long') as new (value: bigint) => object;
  const headerReader = require('kafkajs/src/protocol/recordBatch/header/v0/decoder') as unknown;
  const { readVarIntArray, readVarLong } = prototype;
  prototype.readVarIntArray = function (reader) {
    return reader === headerReader ? headersIn(this) : readVarIntArray.call(this, reader);
  };
  prototype.readVarLong = function () {
    const number = zigZagIn(this);
    return number === null ? readVarLong.call(this) : new Long(BigInt(number));
  };
}

function headersIn(decoder: Decoder): ReadHeaders {
  const headers: ReturnType<ReadHeaders['reduce']> = {};
  const count = decoder.readVarInt();
  for (let read = 0; read < count; read += 1) {
    const length = decoder.readVarInt();
    const name = decoder.buffer.toString('utf8', decoder.offset, decoder.offset + length);
    decoder.offset += length;
    const value = decoder.readVarIntBytes();
    // Nobody sends it but to make trouble of it.
    if (name === '__proto__') continue;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  return { reduce: () => headers };
}

/** A varlong that a double holds, and the decoder behind it; null, and the decoder where it was, for a larger one. */
function zigZagIn(decoder: Decoder): number | null {
  const { buffer } = decoder;
  let { offset } = decoder;
  let read = 0;
  for (let scale = 1; scale <= LARGEST_SCALE; scale *= 128) {
    const byte = buffer[offset] as number;
    offset += 1;
    read += (byte & 0x7f) * scale;
    if (byte >= 0x80) continue;
    decoder.offset = offset;
    return read % 2 === 0 ? read / 2 : -(read + 1) / 2;
  }
  return null;
}
