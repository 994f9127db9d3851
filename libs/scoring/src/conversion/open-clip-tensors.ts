import { ModelDirectoryError } from '../checkpoint/errors.js';
import type { TensorSource } from './tensor-source.js';

/** A tensor to write, under its name there. */
export interface PlannedTensor {
  readonly name: string;
  readonly source: TensorSource;
  /** Stored as [inputs, outputs], wanted as [outputs, inputs]. */
  readonly isTurned: boolean;
}

/** Names outside of the blocks, as open_clip and as transformers have them. */
const NAMES: Readonly<Record<string, string>> = {
  'visual.class_embedding': 'vision_model.embeddings.class_embedding',
  'visual.positional_embedding': 'vision_model.embeddings.position_embedding.weight',
  'visual.conv1.weight': 'vision_model.embeddings.patch_embedding.weight',
  'visual.ln_pre.weight': 'vision_model.pre_layrnorm.weight',
  'visual.ln_pre.bias': 'vision_model.pre_layrnorm.bias',
  'visual.ln_post.weight': 'vision_model.post_layernorm.weight',
  'visual.ln_post.bias': 'vision_model.post_layernorm.bias',
  'visual.proj': 'visual_projection.weight',
  'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
  positional_embedding: 'text_model.embeddings.position_embedding.weight',
  'ln_final.weight': 'text_model.final_layer_norm.weight',
  'ln_final.bias': 'text_model.final_layer_norm.bias',
  text_projection: 'text_projection.weight',
  logit_scale: 'logit_scale',
};
/** They are products with the embedding at the left. */
const TURNED = ['visual.proj', 'text_projection'];
const IN_BLOCKS: Readonly<Record<string, string>> = {
  ln_1: 'layer_norm1',
  'attn.out_proj': 'self_attn.out_proj',
  ln_2: 'layer_norm2',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
};
const BLOCK = /^(visual\.)?transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)$/;

/** Whether these are the names of open_clip, or of OpenAI's own code. */
export function isOpenClip(sources: ReadonlyMap<string, TensorSource>): boolean {
  return [...sources.keys()].some((name) => name.startsWith('visual.'));
}

/**
 * The tensors of open_clip as transformers calls and cuts them: queries, keys and values are three, projections are turned.
 * @throws ModelDirectoryError that names a tensor of another architecture
 */
export function openClipTensors(sources: ReadonlyMap<string, TensorSource>): readonly PlannedTensor[] {
  return [...sources].flatMap(([name, source]) => planned(name.replace(/^text\./, ''), source));
}

function planned(name: string, source: TensorSource): readonly PlannedTensor[] {
  // A mask that is computed from the length.
  if (name === 'attn_mask') return [];
  const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
  if (known !== undefined) return [{ name: known, source, isTurned: TURNED.includes(name) }];
  const [, visual, layer, part, kind] = BLOCK.exec(name) ?? [];
  const prefix = `${visual === undefined ? 'text_model' : 'vision_model'}.encoder.layers.${layer}`;
  if (part === 'attn.in_proj') return threeParts(`${prefix}.self_attn`, kind!, source);
  if (part === undefined || !Object.hasOwn(IN_BLOCKS, part)) {
    const isTimm = name.startsWith('visual.trunk.');
    const expected = isTimm ? ': image towers of timm are not read' : '';
    throw new ModelDirectoryError(`${source.path}: no CLIP of open_clip has a tensor ${name}${expected}`);
  }
  return [{ name: `${prefix}.${IN_BLOCKS[part]}.${kind}`, source, isTurned: false }];
}

function threeParts(prefix: string, kind: string, source: TensorSource): readonly PlannedTensor[] {
  const [rows, ...others] = source.shape;
  const bytes = (source.to - source.from) / 3;
  return ['q_proj', 'k_proj', 'v_proj'].map((part, at) => ({
    name: `${prefix}.${part}.${kind}`,
    source: {
      ...source,
      shape: [rows! / 3, ...others],
      from: source.from + at * bytes,
      to: source.from + (at + 1) * bytes,
    },
    isTurned: false,
  }));
}
