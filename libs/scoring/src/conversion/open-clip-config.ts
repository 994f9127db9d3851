import { z } from 'zod';
import { notHonoured, parseFields } from '../checkpoint/fields.js';

const size = z.int().min(1);
const OPENAI_MEAN = [0.48145466, 0.4578275, 0.40821073];
const OPENAI_DEVIATION = [0.26862954, 0.26130258, 0.27577711];
/** Pillow's numbers. */
const INTERPOLATIONS = { bicubic: 3, bilinear: 2 } as const;
/** Width of a head where nothing is said. */
const HEAD_WIDTH = 64;

/** Fields that change what is computed and are not listed are refused by name. */
const modelConfig = z.strictObject({
  embed_dim: size,
  quick_gelu: z.boolean().default(false),
  custom_text: z.boolean().optional(),
  init_logit_scale: z.number().optional(),
  vision_cfg: z.strictObject({
    image_size: size.default(224),
    layers: size.default(12),
    width: size.default(768),
    head_width: size.default(HEAD_WIDTH),
    patch_size: size.default(16),
    mlp_ratio: z.number().positive().default(4),
  }),
  text_cfg: z.strictObject({
    context_length: size.default(77),
    vocab_size: size.default(49_408),
    width: size.default(512),
    heads: size.default(8),
    layers: size.default(12),
    mlp_ratio: z.number().positive().default(4),
  }),
});
const preprocessConfig = z.looseObject({
  mean: z.tuple([z.number(), z.number(), z.number()]).nullish(),
  std: z.tuple([z.number(), z.number(), z.number()]).nullish(),
  interpolation: z.enum(['bicubic', 'bilinear']).nullish(),
  resize_mode: z.enum(['shortest', 'longest', 'squash']).nullish(),
  fill_color: z.literal(0).nullish(),
});
const hubConfig = z.looseObject({ model_cfg: z.unknown(), preprocess_cfg: z.unknown() });

/** The files of transformers that say the same. */
export interface DescribingFiles {
  readonly 'config.json': object;
  readonly 'preprocessor_config.json': object;
}

/**
 * What `open_clip_config.json` of the hub says, or a model's file of open_clip's `model_configs`, in the words of transformers. Where open_clip
 * rounds otherwise, or puts a picture between borders, that stands under `teststrip`.
 * @throws ModelDirectoryError that names the field which can't be honoured
 */
export function filesOfOpenClip(file: string, content: unknown): DescribingFiles {
  const outer = parseFields(file, content, hubConfig);
  const model = parseFields(file, outer.model_cfg ?? content, modelConfig);
  const pictures = parseFields(`${file}: preprocess_cfg`, outer.preprocess_cfg ?? {}, preprocessConfig);
  return {
    'config.json': configOf(file, model),
    'preprocessor_config.json': preprocessorOf(model.vision_cfg.image_size, pictures),
  };
}

function configOf(file: string, { embed_dim, quick_gelu, vision_cfg, text_cfg }: z.infer<typeof modelConfig>): object {
  const hidden_act = quick_gelu ? 'quick_gelu' : 'gelu';
  if (vision_cfg.width % vision_cfg.head_width !== 0) {
    throw notHonoured(file, 'vision_cfg.head_width', vision_cfg.head_width, `a divisor of width ${vision_cfg.width}`);
  }
  return {
    model_type: 'clip',
    projection_dim: embed_dim,
    text_config: {
      hidden_act,
      hidden_size: text_cfg.width,
      intermediate_size: Math.trunc(text_cfg.width * text_cfg.mlp_ratio),
      max_position_embeddings: text_cfg.context_length,
      num_attention_heads: text_cfg.heads,
      num_hidden_layers: text_cfg.layers,
      projection_dim: embed_dim,
      vocab_size: text_cfg.vocab_size,
      eos_token_id: null,
    },
    vision_config: {
      hidden_act,
      hidden_size: vision_cfg.width,
      image_size: vision_cfg.image_size,
      intermediate_size: Math.trunc(vision_cfg.width * vision_cfg.mlp_ratio),
      num_attention_heads: vision_cfg.width / vision_cfg.head_width,
      num_hidden_layers: vision_cfg.layers,
      patch_size: vision_cfg.patch_size,
      projection_dim: embed_dim,
    },
  };
}

function preprocessorOf(side: number, pictures: z.infer<typeof preprocessConfig>): object {
  const mode = pictures.resize_mode ?? 'shortest';
  const square = { height: side, width: side };
  return {
    do_resize: true,
    size: mode === 'shortest' ? { shortest_edge: side } : square,
    resample: INTERPOLATIONS[pictures.interpolation ?? 'bicubic'],
    do_center_crop: mode === 'shortest',
    crop_size: square,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: pictures.mean ?? OPENAI_MEAN,
    image_std: pictures.std ?? OPENAI_DEVIATION,
    teststrip: { offsets: 'half-even', ...(mode === 'longest' && { resize: 'letterbox' }) },
  };
}
