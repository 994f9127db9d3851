import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphBuilder, loadClipModel, type GraphValue } from '#libs/scoring';

export const tinyClip = { side: 8, dimension: 6, contextLength: 10 } as const;

const words = ['a', 'picture', 'of', 'red', 'blue', 'circle', 'star', 'small', 'large'];
const START = '<|startoftext|>';
const END = '<|endoftext|>';

export interface TinyClipOptions {
  /** Name of the image graph's input. Default `pixels`. */
  readonly imageInput?: string;
  /** The image tower sees nothing but light: what is darker than grey throughout has no embedding. Default false. */
  readonly seesLight?: boolean;
}

/**
 * Writes a CLIP directory whose towers are one random linear map each: a few kilobytes that load, tokenise, embed and normalise
 * like a real model. For tests of what surrounds a model.
 */
export async function writeTinyClip(directory: string, options: TinyClipOptions = {}): Promise<void> {
  const { side, dimension, contextLength } = tinyClip;
  const vocabulary = Object.fromEntries(['<unk>', ...words, START, END].map((word, id) => [word, id]));
  await mkdir(join(directory, 'onnx'), { recursive: true });
  await mkdir(join(directory, 'heads'), { recursive: true });
  const files: Readonly<Record<string, object | Buffer>> = {
    'config.json': {
      model_type: 'clip',
      _name_or_path: 'tiny-clip',
      projection_dim: dimension,
      text_config: { max_position_embeddings: contextLength, vocab_size: Object.keys(vocabulary).length },
      vision_config: { image_size: side, patch_size: side },
    },
    'preprocessor_config.json': {
      crop_size: { height: side, width: side },
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
      resample: 3,
    },
    'tokenizer.json': wordTokenizer(vocabulary),
    'prompt.json': { template: 'a picture of {prompt}' },
    'model.safetensors': Buffer.from('the engine onnx does not read this'),
    'onnx/image.onnx': imageTower(options.imageInput ?? 'pixels', options.seesLight === true),
    'onnx/text.onnx': textTower(Object.keys(vocabulary).length),
  };
  await Promise.all(
    Object.entries(files).map(([name, content]) =>
      writeFile(join(directory, name), Buffer.isBuffer(content) ? content : JSON.stringify(content)),
    ),
  );
  const head = join(directory, 'heads/quality.json');
  await rm(head, { force: true });
  await writeFile(head, await tinyHead(directory));
}

/** A head that is bound to the embeddings of a model as it lies there. */
async function tinyHead(directory: string): Promise<string> {
  const weight = Array.from({ length: tinyClip.dimension }, (_, index) => index - 2);
  return JSON.stringify({
    name: 'clean',
    embedding: (await loadClipModel(directory)).embeddingDigest,
    layers: [{ weight: [weight], bias: [0.25], activation: 'sigmoid' }],
    output: 'probability',
  });
}

/** Cast → scale to [−0.5, 0.5] → flatten → linear → divide by the norm. */
function imageTower(input: string, seesLight: boolean): Buffer {
  const { side, dimension } = tinyClip;
  const pixels = side * side * 3;
  const graph = new GraphBuilder('f32');
  const float = graph.cast(input, 'float32');
  const centred = graph.add('Sub', [float, graph.floats([127.5])]);
  const seen = seesLight ? graph.add('Relu', [centred]) : centred;
  const flat = graph.add('Reshape', [graph.add('Div', [seen, graph.floats([255])]), graph.integers([-1, pixels])]);
  const weight = graph.floats(noise(pixels * dimension, 1), [pixels, dimension]);
  return normalised(graph, graph.add('MatMul', [flat, weight]), {
    name: input,
    type: 'uint8',
    shape: ['batch', side, side, 3],
  });
}

/** Sum of random token embeddings, divided by the norm. */
function textTower(vocabularySize: number): Buffer {
  const { dimension, contextLength } = tinyClip;
  const graph = new GraphBuilder('f32');
  const table = graph.floats(noise(vocabularySize * dimension, 2), [vocabularySize, dimension]);
  const tokens = graph.add('Gather', [table, 'input_ids']);
  const sum = graph.add('ReduceSum', [tokens, graph.integers([1])], { keepdims: 0 });
  return normalised(graph, sum, { name: 'input_ids', type: 'int64', shape: ['batch', contextLength] });
}

/** The whole model from `input` to the rows of `projected`, each brought to length 1. */
function normalised(graph: GraphBuilder, projected: string, input: GraphValue): Buffer {
  graph.add('LpNormalization', [projected], { axis: 1, p: 2 }, 'embedding');
  const output = { name: 'embedding', type: 'float32', shape: ['batch', tinyClip.dimension] } as const;
  return graph.model(input, output, { dataFile: '', places: [] });
}

function noise(count: number, seed: number): readonly number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function wordTokenizer(vocabulary: Readonly<Record<string, number>>): object {
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [specialToken(START), { Sequence: { id: 'A', type_id: 0 } }, specialToken(END)],
      pair: [],
      special_tokens: Object.fromEntries(
        [START, END].map((token) => [token, { id: token, ids: [vocabulary[token]], tokens: [token] }]),
      ),
    },
    decoder: null,
    model: { type: 'WordLevel', vocab: vocabulary, unk_token: '<unk>' },
  };
}

function specialToken(id: string): object {
  return { SpecialToken: { id, type_id: 0 } };
}
