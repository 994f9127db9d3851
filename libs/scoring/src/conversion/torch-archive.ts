import { open } from 'node:fs/promises';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { readFileRange } from '../checkpoint/read-range.js';
import { PickledName, readPickle, type Pickled, type PickledList, type PickledObject } from './pickle.js';
import type { TensorSource } from './tensor-source.js';
import { zipEntries, type ZipEntry, type ZipFile } from './zip-entries.js';

/** PyTorch's storages, by how safetensors calls their type and the bytes of one number. */
const STORAGES: Readonly<Record<string, readonly [type: string, bytes: number]>> = {
  DoubleStorage: ['F64', 8],
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
};
/** What the pickle of a state dict asks for besides. */
const CALLED = ['collections.OrderedDict', 'torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_parameter'];
const LARGEST_PICKLE = 2 ** 26;
/** Where training programs keep the state dict in what they save. */
const NESTED = ['state_dict', 'model_state_dict', 'model', 'module'];
/** Put before every name by wrappers. */
const WRAPPERS = /^(?:module\.|_orig_mod\.)+/;

interface StoredStorage extends PickledObject {
  readonly kind: 'storage';
  readonly type: string;
  readonly bytesEach: number;
  readonly entry: ZipEntry;
}

interface StoredTensor extends PickledObject {
  readonly kind: 'tensor';
  readonly storage: StoredStorage;
  /** Numbers before the first one. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * The tensors of a file that `torch.save` wrote (1.6 and newer), by name. Nothing in it is executed: of its pickle, tensors, dicts and lists are
 * read, and what asks for more is refused by name. Numbers stay on disk.
 *
 * @throws ModelDirectoryError when it is truncated, of another kind, or asks for something to be run
 */
export async function readTorchArchive(path: string): Promise<ReadonlyMap<string, TensorSource>> {
  const handle = await open(path, 'r').catch((error: Error) => {
    throw new ModelDirectoryError(`${path} can't be read: ${error.message}`, { cause: error });
  });
  try {
    const zip: ZipFile = { path, handle, bytes: (await handle.stat()).size };
    const entries = await zipEntries(zip);
    const folder = pickleFolder(path, entries);
    await requireLittleEndian(zip, entries.get(`${folder}byteorder`));
    const { from, to } = entries.get(`${folder}data.pkl`)!;
    if (to - from > LARGEST_PICKLE) throw new ModelDirectoryError(`${path}: its pickle has ${to - from} bytes`);
    const program = Buffer.from(await readFileRange(handle, from, to));
    return sourcesOf(
      path,
      rootOf(path, program, (key) => entries.get(`${folder}data/${key}`)),
    );
  } finally {
    await handle.close();
  }
}

function pickleFolder(path: string, entries: ReadonlyMap<string, ZipEntry>): string {
  const names = [...entries.keys()];
  const pickle = names.find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined) {
    throw new ModelDirectoryError(`${path} is an archive without data.pkl, expected one that torch.save wrote`);
  }
  const folder = pickle.slice(0, -'data.pkl'.length);
  if (names.includes(`${folder}constants.pkl`)) {
    throw new ModelDirectoryError(
      `${path} is a TorchScript program, expected a state dict that torch.save wrote: the same model is published as one`,
    );
  }
  return folder;
}

async function requireLittleEndian({ path, handle }: ZipFile, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined) return;
  const order = Buffer.from(await readFileRange(handle, entry.from, Math.min(entry.to, entry.from + 16))).toString();
  if (order !== 'little') throw new ModelDirectoryError(`${path}: byteorder is "${order}", expected "little"`);
}

function rootOf(path: string, program: Buffer, entryOf: (key: string) => ZipEntry | undefined): Pickled {
  try {
    return readPickle(program, {
      knows: (name) => CALLED.includes(name.toString()) || storageOf(name) !== undefined,
      call: called,
      persistent: (id) => storageAt(id, entryOf),
    });
  } catch (error) {
    const expected = 'expected a table of tensors and nothing to run';
    throw new ModelDirectoryError(`${path}: ${(error as Error).message}; ${expected}`, { cause: error });
  }
}

function storageOf({ module, name }: PickledName): readonly [type: string, bytes: number] | undefined {
  return module === 'torch' && Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined;
}

function called(name: PickledName, inputs: PickledList): Pickled {
  switch (name.toString()) {
    case 'collections.OrderedDict':
      if (inputs.length > 0) throw new Error('its pickle fills an OrderedDict in a way that is not read');
      return new Map();
    case 'torch._utils._rebuild_parameter':
      return inputs[0] ?? null;
    case 'torch._utils._rebuild_tensor_v2':
      return tensorOf(inputs);
    default:
      throw new Error(`its pickle calls ${name.toString()}, which is not run`);
  }
}

/** `('storage', type, key, device, numbers)` */
function storageAt(id: Pickled, entryOf: (key: string) => ZipEntry | undefined): StoredStorage {
  const [word, name, key] = Array.isArray(id) ? id : [];
  const known = name instanceof PickledName ? storageOf(name) : undefined;
  const entry = typeof key === 'string' ? entryOf(key) : undefined;
  if (word !== 'storage' || known === undefined) throw new Error('its pickle refers to what is no storage');
  if (entry === undefined) throw new Error(`it lacks the storage ${String(key)}`);
  return { kind: 'storage', type: known[0], bytesEach: known[1], entry };
}

/** `(storage, offset, shape, strides, …)` */
function tensorOf([storage, offset, shape, strides]: PickledList): StoredTensor {
  const isStorage = typeof storage === 'object' && storage !== null && 'kind' in storage && storage.kind === 'storage';
  if (!isStorage || !isCount(offset) || !areCounts(shape) || !areCounts(strides)) {
    throw new Error('its pickle has a tensor that is not read');
  }
  return { kind: 'tensor', storage: storage as StoredStorage, offset, shape, strides };
}

function isCount(value: Pickled | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function areCounts(value: Pickled | undefined): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

function sourcesOf(path: string, root: Pickled): ReadonlyMap<string, TensorSource> {
  const table = tableIn(root);
  if (table === null) throw new ModelDirectoryError(`${path} holds no table of tensors`);
  return new Map(
    [...table].flatMap(([name, value]): (readonly [string, TensorSource])[] => {
      if (typeof name !== 'string' || !isTensor(value)) return [];
      const plain = name.replace(WRAPPERS, '');
      return [[plain, sourceOf(path, plain, value)]];
    }),
  );
}

function tableIn(root: Pickled): Map<Pickled, Pickled> | null {
  if (!(root instanceof Map)) return null;
  if ([...root.values()].some(isTensor)) return root;
  const nested = NESTED.map((name) => root.get(name)).find((value) => value instanceof Map);
  return nested instanceof Map && [...nested.values()].some(isTensor) ? nested : null;
}

function isTensor(value: Pickled): value is StoredTensor {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor';
}

function sourceOf(path: string, name: string, { storage, offset, shape, strides }: StoredTensor): TensorSource {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    if (shape[axis] !== 1 && strides[axis] !== expected) {
      throw new ModelDirectoryError(
        `${path}: the numbers of ${name} don't lie one after the other, expected a tensor that is contiguous`,
      );
    }
    expected *= shape[axis]!;
  }
  const from = storage.entry.from + offset * storage.bytesEach;
  const to = from + expected * storage.bytesEach;
  if (to > storage.entry.to) throw new ModelDirectoryError(`${path}: ${name} is larger than what is stored of it`);
  return { path, type: storage.type, bytesEach: storage.bytesEach, shape, from, to };
}
