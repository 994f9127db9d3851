import { z } from 'zod';
import type { Activation, ImageTower, TextTower, Tower } from './description.js';
import { notHonoured, parseFields } from './fields.js';

/** Names in transformers' `ACT2FN` that compute one of the three functions. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  quick_gelu: 'quick-gelu',
};

const size = z.int().min(1);
/** A side, or height and width. */
export const sides = z.union([size, z.tuple([size, size])]);

/** Defaults are those of transformers' `CLIPTextConfig`, `CLIPVisionConfig` and `CLIPConfig`: files leave out what equals them. */
const tower = { hidden_act: z.string().default('quick_gelu'), layer_norm_eps: z.number().min(0).default(1e-5) };
const textConfig = z.looseObject({
  ...tower,
  vocab_size: size.default(49_408),
  hidden_size: size.default(512),
  intermediate_size: size.default(2048),
  num_hidden_layers: size.default(12),
  num_attention_heads: size.default(8),
  max_position_embeddings: z.int().min(2).default(77),
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
});
const visionConfig = z.looseObject({
  ...tower,
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_hidden_layers: size.default(12),
  num_attention_heads: size.default(12),
  num_channels: size.default(3),
  image_size: sides.default(224),
  patch_size: sides.default(32),
});
const part = z.record(z.string(), z.unknown()).nullish();
const clipConfig = z.object({
  _name_or_path: z.string().optional(),
  model_type: z.literal('clip'),
  projection_dim: size.default(512),
  text_config: part,
  vision_config: part,
  text_config_dict: part,
  vision_config_dict: part,
  quantization_config: notQuantised(),
});

type Text = z.infer<typeof textConfig>;

/** What `config.json` says of a checkpoint. */
export interface TowersConfig {
  readonly name: string | null;
  readonly dimension: number;
  readonly image: ImageTower;
  readonly text: Omit<TextTower, 'endOfText'>;
  /** What the file says of the token at which a text is pooled; null where it says nothing, or 2, which is what files say that do not know. */
  readonly endOfText: readonly number[] | null;
}

/**
 * `config.json` of a CLIP checkpoint as transformers 5 reads it, defaults included.
 * @throws ModelDirectoryError that names the field
 */
export function clipConfigOf(file: string, content: unknown): TowersConfig {
  const config = parseFields(file, content, clipConfig);
  const at = (name: string): string => `${file}: ${name}`;
  const text = parseFields(
    at('text_config'),
    merged(config.text_config, config.text_config_dict, textConfig),
    textConfig,
  );
  const vision = parseFields(
    at('vision_config'),
    merged(config.vision_config, config.vision_config_dict, visionConfig),
    visionConfig,
  );
  return {
    name: nameOf(config),
    dimension: config.projection_dim,
    image: imageTowerOf(file, vision),
    text: {
      ...towerOf(file, 'text_config', text),
      vocabulary: text.vocab_size,
      contextLength: text.max_position_embeddings,
    },
    endOfText: endOfTextOf(text.eos_token_id),
  };
}

/** Where the older `…_config_dict` is given, transformers lets it win, its own defaults included (`CLIPConfig.__post_init__`). */
function merged(
  config: z.infer<typeof part>,
  older: z.infer<typeof part>,
  schema: typeof textConfig | typeof visionConfig,
): object {
  if (older === null || older === undefined) return config ?? {};
  const complete = schema.safeParse(older);
  return { ...config, ...(complete.success ? complete.data : older) };
}

/** `_name_or_path`; null where it says nothing. */
export function nameOf({ _name_or_path: name }: { readonly _name_or_path?: string | undefined }): string | null {
  return name === undefined || name === '' ? null : name;
}

/** The field with which quantised checkpoints say that they are. */
export function notQuantised(): z.ZodOptional<z.ZodUndefined> {
  return z.undefined('is given; quantised weights are not read, expected none').optional();
}

/** Fields of one tower in `config.json`, those of both kinds. */
export interface TowerFields {
  readonly hidden_act: string;
  readonly layer_norm_eps: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
}

export interface ImageTowerFields extends TowerFields {
  readonly num_channels: number;
  readonly image_size: z.infer<typeof sides>;
  readonly patch_size: z.infer<typeof sides>;
}

/** @throws ModelDirectoryError that names the field of the section */
export function towerOf(file: string, section: string, config: TowerFields): Tower {
  const activation = ACTIVATIONS[config.hidden_act];
  if (activation === undefined) {
    throw notHonoured(
      file,
      `${section}.hidden_act`,
      config.hidden_act,
      `one of ${Object.keys(ACTIVATIONS).join(', ')}`,
    );
  }
  if (config.hidden_size % config.num_attention_heads !== 0) {
    const expected = `a divisor of hidden_size ${config.hidden_size}`;
    throw notHonoured(file, `${section}.num_attention_heads`, config.num_attention_heads, expected);
  }
  return {
    width: config.hidden_size,
    mlpWidth: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    activation,
    epsilon: config.layer_norm_eps,
  };
}

/** @throws ModelDirectoryError that names the field of `vision_config` */
export function imageTowerOf(file: string, config: ImageTowerFields): ImageTower {
  if (config.num_channels !== 3) throw notHonoured(file, 'vision_config.num_channels', config.num_channels, '3');
  const side = squareOf(file, 'vision_config.image_size', config.image_size);
  const patch = squareOf(file, 'vision_config.patch_size', config.patch_size);
  if (patch > side) throw notHonoured(file, 'vision_config.patch_size', patch, `at most image_size ${side}`);
  return { ...towerOf(file, 'vision_config', config), side, patch };
}

function squareOf(file: string, field: string, value: z.infer<typeof sides>): number {
  if (typeof value === 'number') return value;
  if (value[0] !== value[1]) throw notHonoured(file, field, value, 'a square');
  return value[0];
}

function endOfTextOf(value: Text['eos_token_id']): readonly number[] | null {
  // Files of before transformers 4.33 say 2, whatever the tokenizer says: https://github.com/huggingface/transformers/pull/24773
  if (value === undefined || value === null || value === 2) return null;
  return typeof value === 'number' ? [value] : value;
}
