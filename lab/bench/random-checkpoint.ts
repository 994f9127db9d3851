import { copyFile, mkdtemp, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** ViT-B/32's image tower; texts are those of the model that ships, so that its tokenizer fits. */
const VISION = { width: 768, mlpWidth: 3072, layers: 12, heads: 12, side: 224, patch: 32 };
const DIMENSION = 512;

type Shapes = readonly (readonly [name: string, shape: readonly number[]])[];

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
  await writeWeights(join(directory, 'model.safetensors'), [...imageShapes(), ...textShapes(config.text_config)]);
  return directory;
}

function imageShapes(): Shapes {
  const { width, mlpWidth, layers, side, patch } = VISION;
  return [
    ['vision_model.embeddings.class_embedding', [width]],
    ['vision_model.embeddings.patch_embedding.weight', [width, 3, patch, patch]],
    ['vision_model.embeddings.position_embedding.weight', [(side / patch) ** 2 + 1, width]],
    ...norm('vision_model.pre_layrnorm', width),
    ...blocks('vision_model', layers, width, mlpWidth),
    ...norm('vision_model.post_layernorm', width),
    ['visual_projection.weight', [DIMENSION, width]],
  ];
}

function textShapes(text: Readonly<Record<string, number>>): Shapes {
  const width = text['hidden_size']!;
  return [
    ['text_model.embeddings.token_embedding.weight', [text['vocab_size']!, width]],
    ['text_model.embeddings.position_embedding.weight', [text['max_position_embeddings']!, width]],
    ...blocks('text_model', text['num_hidden_layers']!, width, text['intermediate_size']!),
    ...norm('text_model.final_layer_norm', width),
    ['text_projection.weight', [DIMENSION, width]],
  ];
}

function blocks(tower: string, layers: number, width: number, mlpWidth: number): Shapes {
  return Array.from({ length: layers }, (_, at) => `${tower}.encoder.layers.${at}`).flatMap((block) => [
    ...norm(`${block}.layer_norm1`, width),
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name) => linear(`${block}.self_attn.${name}`, width, width)),
    ...norm(`${block}.layer_norm2`, width),
    ...linear(`${block}.mlp.fc1`, mlpWidth, width),
    ...linear(`${block}.mlp.fc2`, width, mlpWidth),
  ]);
}

function linear(name: string, outputs: number, inputs: number): Shapes {
  return [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
}

function norm(name: string, width: number): Shapes {
  return ['weight', 'bias'].map((part) => [`${name}.${part}`, [width]]);
}

/** Uniform in ±0.05: activations stay in the range of a trained model's. */
async function writeWeights(path: string, shapes: Shapes): Promise<void> {
  const sizes = shapes.map(([, shape]) => shape.reduce((product, size) => product * size, 4));
  const places: Record<string, object> = {};
  let from = 0;
  for (const [at, [name, shape]] of shapes.entries()) {
    places[name] = { dtype: 'F32', shape, data_offsets: [from, from + sizes[at]!] };
    from += sizes[at]!;
  }
  const header = Buffer.from(JSON.stringify(places));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, 'w');
  await file.write(Buffer.concat([prefix, header]));
  let state = 1;
  for (const size of sizes) {
    const values = new Float32Array(size / 4);
    for (let at = 0; at < values.length; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      values[at] = (state / 2 ** 32 - 0.5) / 10;
    }
    await file.write(new Uint8Array(values.buffer));
  }
  await file.close();
}
