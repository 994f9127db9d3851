import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelDirectoryError } from './errors.js';
import { openWeights } from './open-weights.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-weights-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('openWeights', () => {
  it('reads double, single, half and brain floats as the same numbers', async () => {
    const values = [0, -1.5, 65_504, 2 ** -24, -Infinity];
    await write('model.safetensors', {
      double: ['F64', [5], Buffer.from(Float64Array.from(values).buffer)],
      single: ['F32', [5], Buffer.from(Float32Array.from(values).buffer)],
      half: ['F16', [5], Buffer.from(Uint16Array.from([0, 0xbe00, 0x7bff, 1, 0xfc00]).buffer)],
      brain: ['BF16', [2, 2], Buffer.from(Uint16Array.from([0, 0xbfc0, 0x3f80, 0xff80]).buffer)],
    });
    const weights = await openWeights(directory);
    for (const name of ['double', 'single', 'half']) expect([...(await weights.readTensor(name, [5]))]).toEqual(values);
    expect([...(await weights.readTensor('brain', [2, 2]))]).toEqual([0, -1.5, 1, -Infinity]);
    await weights.close();
  });

  it('reads a tensor from the part that holds it', async () => {
    await write('part-1.safetensors', { first: ['F32', [1], Buffer.from(Float32Array.of(1).buffer)] });
    await write('part-2.safetensors', { second: ['F32', [1], Buffer.from(Float32Array.of(2).buffer)] });
    const index = { weight_map: { first: 'part-1.safetensors', second: 'part-2.safetensors' } };
    await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify(index));
    const weights = await openWeights(directory);
    expect([...weights.names]).toEqual(['first', 'second']);
    expect([...(await weights.readTensor('second', [1]))]).toEqual([2]);
    await weights.close();
  });

  it('refuses a list of parts that is no JSON', async () => {
    await writeFile(join(directory, 'model.safetensors.index.json'), '{"weight_map":');
    await expect(openWeights(directory)).rejects.toThrow(ModelDirectoryError);
    await expect(openWeights(directory)).rejects.toThrow('model.safetensors.index.json is no JSON');
  });

  it('says what is wrong with a tensor', async () => {
    await write('model.safetensors', {
      ids: ['I64', [1], Buffer.alloc(8)],
      short: ['F32', [3], Buffer.alloc(8)],
    });
    const weights = await openWeights(directory);
    await expect(weights.readTensor('ids', [1])).rejects.toThrow('ids is of type I64, expected one of F64');
    await expect(weights.readTensor('short', [2])).rejects.toThrow('short is [3], expected [2] as config.json says');
    await expect(weights.readTensor('short', [3])).rejects.toThrow('short takes 8 bytes, expected 12');
    await expect(weights.readTensor('none', [3])).rejects.toThrow(`the weights in ${directory} lack none`);
    await weights.close();
  });

  it.each([
    ['no file', undefined, "can't be read"],
    ['a file of another format', Buffer.from('PK\u0003\u0004 a zip archive'), 'expected a safetensors file'],
    ['an empty file', Buffer.alloc(0), 'has 0 bytes, expected a safetensors file'],
    ['a truncated header', safetensors({ a: ['F32', [1], Buffer.alloc(4)] }).subarray(0, 20), 'inside its header'],
    ['truncated data', safetensors({ a: ['F32', [1], Buffer.alloc(4)] }).subarray(0, -1), 'it is truncated'],
  ])('refuses %s', async (_name, content, message) => {
    if (content !== undefined) await writeFile(join(directory, 'model.safetensors'), content);
    await expect(openWeights(directory)).rejects.toThrow(message);
  });
});

type Tensors = Readonly<Record<string, readonly [type: string, shape: readonly number[], data: Buffer]>>;

function write(file: string, tensors: Tensors): Promise<void> {
  return writeFile(join(directory, file), safetensors(tensors));
}

function safetensors(tensors: Tensors): Buffer {
  let at = 0;
  const header: Record<string, object> = {};
  for (const [name, [dtype, shape, data]] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, (at += data.length)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json, ...Object.values(tensors).map(([, , data]) => data)]);
}
