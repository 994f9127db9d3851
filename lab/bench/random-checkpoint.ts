import { copyFile, mkdtemp, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clipTensors, countOf, safetensorsHeader, type TensorShapes } from '#libs/testing/tiny-clip';

/** ViT-B/32's image tower; texts are those of the model that ships, so that its tokenizer fits. */
const VISION = { width: 768, mlpWidth: 3072, layers: 12, heads: 12, side: 224, patch: 32 };
const DIMENSION = 512;

/** Writes a CLIP checkpoint of the size of ViT-B/32 with random weights, as fast as a trained one. @returns its directory, in the system's temporary folder */
export async function writeRandomB32(shipped: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'teststrip-b32-'));
  const config = JSON.parse(await readFile(join(shipped, 'config.json'), 'utf8'));
  const { width, mlpWidth, layers, heads, side, patch } = VISION;
  config.projection_dim = DIMENSION;
  config.vision_config = {
    ...config.vision_config,
    hidden_size: width,
    intermediate_size: mlpWidth,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    image_size: side,
    patch_size: patch,
  };
  const pictures = JSON.parse(await readFile(join(shipped, 'preprocessor_config.json'), 'utf8'));
  const square = { ...pictures, size: { shortest_edge: side }, crop_size: { height: side, width: side } };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'preprocessor_config.json'), JSON.stringify(square));
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(shipped, file), join(directory, file));
  const { hidden_size, intermediate_size, num_hidden_layers, vocab_size, max_position_embeddings } = config.text_config;
  const text = {
    width: hidden_size,
    mlpWidth: intermediate_size,
    layers: num_hidden_layers,
    vocabulary: vocab_size,
    contextLength: max_position_embeddings,
  };
  const tensors = clipTensors({ dimension: DIMENSION, image: VISION, text });
  await writeWeights(join(directory, 'model.safetensors'), tensors);
  return directory;
}

/** Uniform in ±0.05: activations stay in the range of a trained model's. */
async function writeWeights(path: string, tensors: TensorShapes): Promise<void> {
  const file = await open(path, 'w');
  await file.write(safetensorsHeader(tensors));
  let state = 1;
  for (const [, shape] of tensors) {
    const values = new Float32Array(countOf(shape));
    for (let at = 0; at < values.length; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      values[at] = (state / 2 ** 32 - 0.5) / 10;
    }
    await file.write(new Uint8Array(values.buffer));
  }
  await file.close();
}
