import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeTinyCheckpoint } from '#libs/testing/tiny-clip';
import { openWeights } from '../checkpoint/open-weights.js';
import { loadClipModel } from '../model/model-directory.js';
import { convertCheckpoint } from './convert-checkpoint.js';
import { safetensorsSources } from './safetensors-sources.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-convert-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('convertCheckpoint', () => {
  it('makes of pytorch_model.bin what transformers would have stored', async () => {
    await writeTinyCheckpoint(directory);
    const before = await loadClipModel(directory);
    const stored = join(directory, 'model.safetensors');
    await writeFile(join(directory, 'pytorch_model.bin'), await asTorchWrites(stored));
    const [name, source] = [...(await safetensorsSources(stored))][3]!;
    const weights = await openWeights(directory);
    const numbers = await weights.readTensor(name, source.shape);
    await weights.close();
    await rm(stored);
    const converted = await convertCheckpoint({ from: directory });
    expect(converted).toMatchObject({ directory, files: ['model.safetensors'] });
    const again = await openWeights(directory);
    expect(await again.readTensor(name, source.shape)).toEqual(numbers);
    expect(again.names.length).toBe(converted.tensors);
    await again.close();
    expect((await loadClipModel(directory)).description).toEqual(before.description);
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow('is there already');
  });

  it('reads what torch.save of PyTorch 2.9 wrote: wrapped names, halves, views, parameters, a nested table', async () => {
    const saved = await readFile(new URL('fixtures/torch-2.9.pt', import.meta.url));
    await writeFile(join(directory, 'pytorch_model.bin'), saved);
    await writeFile(join(directory, 'tokenizer.json'), '{}');
    await convertCheckpoint({ from: directory });
    const weights = await openWeights(directory);
    expect(weights.names.toSorted()).toEqual(['half', 'ids', 'parameter', 'view']);
    expect([...(await weights.readTensor('half', [3]))]).toEqual([0.5, -2, 65_504]);
    expect([...(await weights.readTensor('parameter', [2, 2]))]).toEqual([1, 2, 3, 4]);
    expect([...(await weights.readTensor('view', [2, 2]))]).toEqual([12, 13, 14, 15]);
    await weights.close();
  });

  it("takes open_clip's apart: names, projections that are turned, queries, keys and values", async () => {
    await writeFile(join(directory, 'a.pt'), torchFile(openClip()));
    await writeFile(join(directory, 'open_clip_config.json'), JSON.stringify(openClipConfig));
    await writeFile(join(directory, 'vocab.json'), '{}');
    const to = join(directory, 'model');
    await expect(convertCheckpoint({ from: directory, to })).resolves.toMatchObject({
      files: ['model.safetensors', 'config.json', 'preprocessor_config.json', 'vocab.json'],
    });
    const weights = await openWeights(to);
    expect([...(await weights.readTensor('visual_projection.weight', [3, 2]))]).toEqual([0, 3, 1, 4, 2, 5]);
    const block = 'vision_model.encoder.layers.0';
    expect([...(await weights.readTensor(`${block}.self_attn.k_proj.weight`, [2, 2]))]).toEqual([4, 5, 6, 7]);
    expect([...(await weights.readTensor(`${block}.self_attn.v_proj.bias`, [2]))]).toEqual([4, 5]);
    expect([...(await weights.readTensor(`${block}.mlp.fc1.bias`, [8]))].length).toBe(8);
    await weights.close();
    const config = JSON.parse(await readFile(join(to, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      projection_dim: 3,
      text_config: { hidden_act: 'quick_gelu', num_attention_heads: 2 },
      vision_config: { num_attention_heads: 2, intermediate_size: 8 },
    });
    const pictures = JSON.parse(await readFile(join(to, 'preprocessor_config.json'), 'utf8'));
    expect(pictures.teststrip).toEqual({ offsets: 'half-even', resize: 'letterbox' });
  });

  it.each([
    ['the configuration', 'open_clip_config.json', "weights of open_clip don't say heads and activation"],
    ['the tokenizer', 'vocab.json', 'has no tokenizer.json'],
  ])('says what is missing before anything is written: %s', async (_name, missing, message) => {
    await writeFile(join(directory, 'a.pt'), torchFile(openClip()));
    await writeFile(join(directory, 'open_clip_config.json'), JSON.stringify(openClipConfig));
    await writeFile(join(directory, 'vocab.json'), '{}');
    await rm(join(directory, missing));
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow(message);
    await expect(readFile(join(directory, 'model.safetensors'))).rejects.toThrow('ENOENT');
  });

  it.each([
    ['a field that changes what is computed', { ...openClipConfigOf({ ls_init_value: 0.1 }) }, 'ls_init_value'],
    ['heads that do not divide', { ...openClipConfigOf({ head_width: 3 }) }, 'vision_cfg.head_width is 3'],
  ])('refuses a configuration of open_clip by its field: %s', async (_name, config, message) => {
    await writeFile(join(directory, 'a.pt'), torchFile(openClip()));
    await writeFile(join(directory, 'open_clip_config.json'), JSON.stringify(config));
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow(message);
  });
});

describe('a file that is refused', () => {
  it.each([
    ['a call of the system', call('posix', 'system'), 'its pickle asks for posix.system, which is not run'],
    ['a call of Python', call('builtins', 'eval'), 'builtins.eval'],
    ['another function of PyTorch', call('torch', 'load'), 'torch.load'],
    ['a name that is every object\u2019s', call('torch', 'constructor'), 'torch.constructor'],
    ['what the opcodes of protocol 4 ask for', protocol4('os', 'system'), 'os.system'],
    ['objects of classes', Buffer.from([0x80, 2, 0x81, 0x2e]), 'the opcode 0x81'],
    ['extension codes', Buffer.from([0x80, 2, 0x82, 1, 0x2e]), 'the opcode 0x82'],
    ['a pickle that is cut off', Buffer.from([0x80, 2, 0x7d]), 'is cut off'],
    ['a pickle that takes what is not there', Buffer.from([0x80, 2, 0x85, 0x2e]), 'takes more than it has'],
    ['a table without tensors', Buffer.from([0x80, 2, 0x7d, 0x2e]), 'holds no table of tensors'],
  ])('%s', async (_name, pickle, message) => {
    await writeFile(join(directory, 'a.pt'), zipOf({ 'archive/data.pkl': pickle }));
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow(message);
  });

  it.each([
    ['a storage that is not there', { ...tensor('w', [1]), file: null }, 'it lacks the storage 0'],
    [
      'a tensor larger than its storage',
      { ...tensor('w', [2]), file: Buffer.alloc(4) },
      'w is larger than what is stored',
    ],
    [
      'numbers that do not lie in order',
      { ...tensor('w', [2, 2]), strides: [1, 2] },
      "of w don't lie one after the other",
    ],
  ])('%s', async (_name, bad, message) => {
    await writeFile(join(directory, 'a.pt'), torchFile([bad]));
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow(message);
  });

  it.each([
    ['truncated', (bytes: Buffer) => bytes.subarray(0, -40), 'it is truncated'],
    ['of before PyTorch 1.6', () => Buffer.from([0x80, 2, 0x8a, 10]), 'none of PyTorch 1.6 or newer'],
    ['empty', () => Buffer.alloc(0), 'it is truncated'],
    [
      'TorchScript',
      () => zipOf({ 'a/data.pkl': Buffer.from('.'), 'a/constants.pkl': Buffer.from('.') }),
      'TorchScript',
    ],
    ['another archive', () => zipOf({ 'word/document.xml': Buffer.from('<a/>') }), 'without data.pkl'],
    [
      'of a machine that stores numbers the other way round',
      () => zipOf({ 'a/data.pkl': Buffer.from([0x80, 2, 0x7d, 0x2e]), 'a/byteorder': Buffer.from('big') }),
      'byteorder is "big"',
    ],
  ])('one that is %s', async (_name, change, message) => {
    await writeFile(join(directory, 'a.pt'), change(torchFile([tensor('w', [2])])));
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow(message);
  });

  it('none, or several', async () => {
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow('has none, expected pytorch_model.bin');
    for (const name of ['a.pt', 'b.pt']) await writeFile(join(directory, name), '');
    await expect(convertCheckpoint({ from: directory })).rejects.toThrow('has a.pt, b.pt');
    await expect(convertCheckpoint({ from: join(directory, 'nowhere') })).rejects.toThrow("can't be read");
  });
});

const openClipConfig = openClipConfigOf({});

function openClipConfigOf(vision: object): { readonly model_cfg: object; readonly preprocess_cfg: object } {
  return {
    model_cfg: {
      embed_dim: 3,
      quick_gelu: true,
      vision_cfg: { image_size: 4, layers: 1, width: 2, head_width: 1, patch_size: 2, ...vision },
      text_cfg: { context_length: 5, vocab_size: 6, width: 2, heads: 2, layers: 1 },
    },
    preprocess_cfg: { mean: [0, 0, 0], std: [1, 1, 1], interpolation: 'bicubic', resize_mode: 'longest' },
  };
}

function openClip(): readonly TorchTensor[] {
  const block = (prefix: string): readonly TorchTensor[] => [
    tensor(`${prefix}.attn.in_proj_weight`, [6, 2]),
    tensor(`${prefix}.attn.in_proj_bias`, [6]),
    tensor(`${prefix}.attn.out_proj.weight`, [2, 2]),
    tensor(`${prefix}.ln_1.weight`, [2]),
    tensor(`${prefix}.mlp.c_fc.bias`, [8]),
  ];
  return [
    tensor('visual.proj', [2, 3]),
    tensor('visual.class_embedding', [2]),
    ...block('visual.transformer.resblocks.0'),
    ...block('transformer.resblocks.0'),
    tensor('text_projection', [2, 3]),
    tensor('attn_mask', [5, 5]),
  ].map((one) => ({ ...one, name: `module.${one.name}` }));
}

interface TorchTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Content of its storage; null: there is none. */
  readonly file: Buffer | null;
}

function tensor(name: string, shape: readonly number[], data?: Buffer): TorchTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const numbers = Buffer.from(Float32Array.from({ length: count }, (_, at) => at).buffer);
  return { name, shape, strides, file: data ?? numbers };
}

async function asTorchWrites(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  const sources = [...(await safetensorsSources(path))];
  return torchFile(sources.map(([name, { shape, from, to }]) => tensor(name, shape, bytes.subarray(from, to))));
}

/** What `torch.save` of a dict of single-precision tensors looks like. */
function torchFile(tensors: readonly TorchTensor[]): Buffer {
  const items = tensors.flatMap(({ name, shape, strides }, key) => [
    text(name),
    global('torch._utils', '_rebuild_tensor_v2'),
    // MARK, persistent id, offset, shape, strides, requires_grad, hooks, TUPLE, REDUCE
    Buffer.from([0x28]),
    Buffer.from([0x28]),
    text('storage'),
    global('torch', 'FloatStorage'),
    text(String(key)),
    text('cpu'),
    integer(1),
    Buffer.from([0x74, 0x51]),
    integer(0),
    integers(shape),
    integers(strides),
    Buffer.from([0x89]),
    global('collections', 'OrderedDict'),
    Buffer.from([0x29, 0x52, 0x74, 0x52]),
  ]);
  const pickle = Buffer.concat([Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x28]), ...items, Buffer.from([0x75, 0x2e])]);
  const storages = tensors.flatMap(({ file }, key) => (file === null ? [] : [[`archive/data/${key}`, file] as const]));
  return zipOf({
    'archive/data.pkl': pickle,
    'archive/byteorder': Buffer.from('little'),
    ...Object.fromEntries(storages),
  });
}

function text(value: string): Buffer {
  const length = Buffer.alloc(5);
  length[0] = 0x58;
  length.writeUInt32LE(Buffer.byteLength(value), 1);
  return Buffer.concat([length, Buffer.from(value)]);
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x4a;
  bytes.writeInt32LE(value, 1);
  return bytes;
}

function integers(values: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from([0x28]), ...values.map(integer), Buffer.from([0x74])]);
}

function global(module: string, name: string): Buffer {
  return Buffer.from(`c${module}\n${name}\n`);
}

/** A call of a function with one text. */
function call(module: string, name: string): Buffer {
  return Buffer.concat([Buffer.from([0x80, 2]), global(module, name), text('id'), Buffer.from([0x85, 0x52, 0x2e])]);
}

function protocol4(module: string, name: string): Buffer {
  return Buffer.concat([Buffer.from([0x80, 4]), shortText(module), shortText(name), Buffer.from([0x93, 0x2e])]);
}

function shortText(value: string): Buffer {
  return Buffer.concat([Buffer.from([0x8c, value.length]), Buffer.from(value)]);
}

/** An archive of entries as they are. */
function zipOf(entries: Readonly<Record<string, Buffer>>): Buffer {
  const files: Buffer[] = [];
  const directoryParts: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(entries)) {
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt32LE(crc32(content), 14);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt32LE(content.length, 22);
    head.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    head.copy(central, 6, 4, 30);
    central.writeUInt32LE(at, 42);
    files.push(head, Buffer.from(name), content);
    directoryParts.push(central, Buffer.from(name));
    at += 30 + name.length + content.length;
  }
  const list = Buffer.concat(directoryParts);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, list, end]);
}
