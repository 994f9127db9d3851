import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { ModelDirectoryError } from './errors.js';
import { parseFields } from './fields.js';
import { BYTES_OF, toFloat32, type WeightType } from './numbers.js';
import { readJsonFile } from './read-file.js';
import { readFileRange } from './read-range.js';
import { readSafetensorsHeader, type StoredTensor } from './safetensors-header.js';

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

const weightIndex = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/)) });

export interface WeightsSize {
  /** Numbers in all tensors together. */
  readonly parameters: number;
  readonly bytes: number;
  /** As safetensors calls them, each once: `F32`, `F16`, `BF16` … */
  readonly types: readonly string[];
}

/** The weights of a checkpoint; only what is asked for is read. */
export interface Weights {
  /** Names of the tensors. */
  readonly names: readonly string[];
  readonly size: WeightsSize;
  /** Undefined for a tensor that is not there. */
  shapeOf(name: string): readonly number[] | undefined;
  /**
   * The tensor in single precision, row-major.
   * @param shape what it has to be
   * @throws ModelDirectoryError when it is missing, has another shape, or a type that is no floating-point number
   */
  readTensor(name: string, shape: readonly number[]): Promise<Float32Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * Opens `model.safetensors`, or the parts that `model.safetensors.index.json` lists.
 * @throws ModelDirectoryError when neither is there, or a file is truncated or of another format
 */
export async function openWeights(directory: string): Promise<Weights> {
  return openParts(directory, await weightFiles(directory));
}

/**
 * Opens one file of another name.
 * @throws ModelDirectoryError when it is not there, is truncated or of another format
 */
export async function openWeightFile(path: string): Promise<Weights> {
  return openParts(dirname(path), [basename(path)]);
}

async function openParts(directory: string, files: readonly string[]): Promise<Weights> {
  const parts: SafetensorsFile[] = [];
  try {
    for (const file of files) parts.push(await SafetensorsFile.open(join(directory, file)));
  } catch (error) {
    await Promise.all(parts.map((part) => part.close()));
    throw error;
  }
  return new CheckpointWeights(directory, parts);
}

async function weightFiles(directory: string): Promise<readonly string[]> {
  const path = join(directory, INDEX);
  if (!existsSync(path)) return [WEIGHTS];
  return [...new Set(Object.values(parseFields(path, await readJsonFile(path), weightIndex).weight_map))].sort();
}

class CheckpointWeights implements Weights {
  private readonly places: ReadonlyMap<string, SafetensorsFile>;

  constructor(
    private readonly directory: string,
    private readonly parts: readonly SafetensorsFile[],
  ) {
    this.places = new Map(parts.flatMap((part) => [...part.tensors.keys()].map((name) => [name, part] as const)));
  }

  get names(): readonly string[] {
    return [...this.places.keys()];
  }

  get size(): WeightsSize {
    const tensors = this.parts.flatMap((part) => [...part.tensors.values()]);
    return {
      parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0),
      bytes: tensors.reduce((sum, { from, to }) => sum + to - from, 0),
      types: [...new Set(tensors.map(({ type }) => type))].sort(),
    };
  }

  shapeOf(name: string): readonly number[] | undefined {
    return this.places.get(name)?.tensors.get(name)?.shape;
  }

  async readTensor(name: string, shape: readonly number[]): Promise<Float32Array<ArrayBuffer>> {
    const part = this.places.get(name);
    if (part === undefined) {
      throw new ModelDirectoryError(`the weights in ${this.directory} lack ${name}, expected [${shape.join(', ')}]`);
    }
    return part.read(name, shape);
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.close()));
  }
}

class SafetensorsFile {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly tensors: ReadonlyMap<string, StoredTensor>,
  ) {}

  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      throw new ModelDirectoryError(`${path} can't be read (${(error as Error).message}), expected weights`, {
        cause: error,
      });
    }
    try {
      return new SafetensorsFile(path, handle, await readSafetensorsHeader(path, handle));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async read(name: string, shape: readonly number[]): Promise<Float32Array<ArrayBuffer>> {
    const tensor = this.tensors.get(name)!;
    if (!isWeightType(tensor.type)) {
      const known = Object.keys(BYTES_OF).join(', ');
      throw new ModelDirectoryError(`${this.path}: ${name} is of type ${tensor.type}, expected one of ${known}`);
    }
    if (tensor.shape.join() !== shape.join()) {
      throw new ModelDirectoryError(
        `${this.path}: ${name} is [${tensor.shape.join(', ')}], expected [${shape.join(', ')}] as config.json says`,
      );
    }
    const count = shape.reduce((product, size) => product * size, 1);
    if (tensor.to - tensor.from !== count * BYTES_OF[tensor.type]) {
      throw new ModelDirectoryError(
        `${this.path}: ${name} takes ${tensor.to - tensor.from} bytes, expected ${count * BYTES_OF[tensor.type]}`,
      );
    }
    return toFloat32(tensor.type, await readFileRange(this.handle, tensor.from, tensor.to));
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function isWeightType(type: string): type is WeightType {
  return Object.hasOwn(BYTES_OF, type);
}
