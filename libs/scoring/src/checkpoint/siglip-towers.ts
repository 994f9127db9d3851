import { z } from 'zod';
import { notHonoured, parseFields } from './fields.js';
import { imageTowerOf, nameOf, notQuantised, sides, towerOf, type TowersConfig } from './towers.js';

const size = z.int().min(1);

/** Defaults are those of transformers' `SiglipTextConfig` and `SiglipVisionConfig`: files leave out what equals them. */
const tower = {
  hidden_act: z.string().default('gelu_pytorch_tanh'),
  layer_norm_eps: z.number().min(0).default(1e-6),
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_hidden_layers: size.default(12),
  num_attention_heads: size.default(12),
};
const textConfig = z.looseObject({
  ...tower,
  vocab_size: size.default(32_000),
  max_position_embeddings: z.int().min(2).default(64),
  projection_size: size.nullish(),
});
const visionConfig = z.looseObject({
  ...tower,
  num_channels: size.default(3),
  image_size: sides.default(224),
  patch_size: sides.default(16),
  vision_use_head: z.literal(true).default(true),
});
const part = z.record(z.string(), z.unknown()).nullish();
const siglipConfig = z.object({
  _name_or_path: z.string().optional(),
  model_type: z.literal('siglip'),
  text_config: part,
  vision_config: part,
  quantization_config: notQuantised(),
});

/**
 * `config.json` of a SigLIP, or a SigLIP 2 of a fixed resolution, as transformers 5 reads it, defaults included. What it says of special tokens
 * are those of another tokenizer, which transformers passes over, too.
 * @throws ModelDirectoryError that names the field
 */
export function siglipConfigOf(file: string, content: unknown): TowersConfig {
  const config = parseFields(file, content, siglipConfig);
  const text = parseFields(`${file}: text_config`, config.text_config ?? {}, textConfig);
  const vision = parseFields(`${file}: vision_config`, config.vision_config ?? {}, visionConfig);
  const dimension = vision.hidden_size;
  const projected = text.projection_size ?? text.hidden_size;
  if (projected !== dimension) {
    const expected = `${dimension}, vision_config.hidden_size: pictures are not projected`;
    throw notHonoured(file, 'text_config.projection_size', projected, expected);
  }
  return {
    name: nameOf(config),
    dimension,
    image: imageTowerOf(file, vision),
    text: {
      ...towerOf(file, 'text_config', text),
      vocabulary: text.vocab_size,
      contextLength: text.max_position_embeddings,
    },
    endOfText: null,
  };
}
