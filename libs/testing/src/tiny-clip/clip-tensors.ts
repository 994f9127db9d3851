/** Sizes of one of the towers. */
interface TowerSizes {
  readonly width: number;
  readonly mlpWidth: number;
  readonly layers: number;
}

export interface ClipSizes {
  /** Length of an embedding. */
  readonly dimension: number;
  /** `side` and `patch` in pixels. */
  readonly image: TowerSizes & { readonly side: number; readonly patch: number };
  readonly text: TowerSizes & { readonly vocabulary: number; readonly contextLength: number };
}

/** Tensors of a file, in the order in which they lie there. */
export type TensorShapes = readonly (readonly [name: string, shape: readonly number[]])[];

/** Every tensor of a CLIP checkpoint in transformers' naming. */
export function clipTensors({ dimension, image, text }: ClipSizes): TensorShapes {
  const { side, patch } = image;
  return [
    ['vision_model.embeddings.class_embedding', [image.width]],
    ['vision_model.embeddings.patch_embedding.weight', [image.width, 3, patch, patch]],
    ['vision_model.embeddings.position_embedding.weight', [Math.floor(side / patch) ** 2 + 1, image.width]],
    ...norm('vision_model.pre_layrnorm', image.width),
    ...blocks('vision_model', image),
    ...norm('vision_model.post_layernorm', image.width),
    ['visual_projection.weight', [dimension, image.width]],
    ['text_model.embeddings.token_embedding.weight', [text.vocabulary, text.width]],
    ['text_model.embeddings.position_embedding.weight', [text.contextLength, text.width]],
    ...blocks('text_model', text),
    ...norm('text_model.final_layer_norm', text.width),
    ['text_projection.weight', [dimension, text.width]],
  ];
}

/** Every tensor of a SigLIP checkpoint in transformers' naming, but scale and bias of its similarities. */
export function siglipTensors({ dimension, image, text }: ClipSizes): TensorShapes {
  const { side, patch, width } = image;
  return [
    ['vision_model.embeddings.patch_embedding.weight', [width, 3, patch, patch]],
    ['vision_model.embeddings.patch_embedding.bias', [width]],
    ['vision_model.embeddings.position_embedding.weight', [Math.floor(side / patch) ** 2, width]],
    ...blocks('vision_model', image),
    ...norm('vision_model.post_layernorm', width),
    ['vision_model.head.probe', [1, 1, width]],
    ['vision_model.head.attention.in_proj_weight', [3 * width, width]],
    ['vision_model.head.attention.in_proj_bias', [3 * width]],
    ...linear('vision_model.head.attention.out_proj', width, width),
    ...norm('vision_model.head.layernorm', width),
    ...linear('vision_model.head.mlp.fc1', image.mlpWidth, width),
    ...linear('vision_model.head.mlp.fc2', width, image.mlpWidth),
    ['text_model.embeddings.token_embedding.weight', [text.vocabulary, text.width]],
    ['text_model.embeddings.position_embedding.weight', [text.contextLength, text.width]],
    ...blocks('text_model', text),
    ...norm('text_model.final_layer_norm', text.width),
    ...linear('text_model.head', dimension, text.width),
  ];
}

function blocks(tower: string, { layers, width, mlpWidth }: TowerSizes): TensorShapes {
  return Array.from({ length: layers }, (_, at) => `${tower}.encoder.layers.${at}`).flatMap((block) => [
    ...norm(`${block}.layer_norm1`, width),
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name) => linear(`${block}.self_attn.${name}`, width, width)),
    ...norm(`${block}.layer_norm2`, width),
    ...linear(`${block}.mlp.fc1`, mlpWidth, width),
    ...linear(`${block}.mlp.fc2`, width, mlpWidth),
  ]);
}

function linear(name: string, outputs: number, inputs: number): TensorShapes {
  return [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
}

function norm(name: string, width: number): TensorShapes {
  return ['weight', 'bias'].map((part) => [`${name}.${part}`, [width]]);
}

/** How many numbers a tensor of this shape has. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** What stands in a safetensors file before its numbers, which are single precision and follow in the same order. */
export function safetensorsHeader(tensors: TensorShapes): Buffer {
  let at = 0;
  const header: Record<string, object> = {};
  for (const [name, shape] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [at, (at += countOf(shape) * 4)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json]);
}
