import type { Activation, Tower } from '../../checkpoint/description.js';
import type { Weights } from '../../checkpoint/open-weights.js';
import type { Tensor, Tfjs } from './tfjs-ops.js';

/** y = x · kernel + bias. */
export interface Linear {
  /** inputs × outputs: the other way round than PyTorch stores it, since the wasm backend is slow with transposed kernels. */
  readonly kernel: Tensor;
  readonly bias?: Tensor;
}

interface LayerNorm {
  readonly scale: Tensor;
  readonly shift: Tensor;
}

interface Block {
  readonly norm1: LayerNorm;
  readonly queryKeyValue: Linear;
  readonly out: Linear;
  readonly norm2: LayerNorm;
  readonly mlp: FeedForward;
}

interface FeedForward {
  readonly widen: Linear;
  readonly narrow: Linear;
}

/** What both towers are built from: puts weights on the device, once. */
export class LayerLoader {
  constructor(
    readonly tf: Tfjs,
    readonly weights: Pick<Weights, 'readTensor'>,
  ) {}

  /** The tensor in the shape in which it is stored. */
  async tensor(name: string, shape: readonly number[]): Promise<Tensor> {
    return this.tf.tensor(await this.weights.readTensor(name, shape), shape, 'float32');
  }

  async norm(prefix: string, width: number): Promise<LayerNorm> {
    return {
      scale: await this.tensor(`${prefix}.weight`, [width]),
      shift: await this.tensor(`${prefix}.bias`, [width]),
    };
  }

  /** @param sizes inputs and outputs */
  async linear(prefix: string, sizes: readonly [number, number]): Promise<Linear> {
    return { kernel: await this.kernel(prefix, sizes), bias: await this.tensor(`${prefix}.bias`, [sizes[1]]) };
  }

  async kernel(prefix: string, [inputs, outputs]: readonly [number, number]): Promise<Tensor> {
    const stored = await this.tensor(`${prefix}.weight`, [outputs, inputs]);
    const kernel = this.tf.transpose(stored);
    stored.dispose();
    return kernel;
  }

  async feedForward(prefix: string, { width, mlpWidth }: Tower): Promise<FeedForward> {
    return {
      widen: await this.linear(`${prefix}.fc1`, [width, mlpWidth]),
      narrow: await this.linear(`${prefix}.fc2`, [mlpWidth, width]),
    };
  }

  async block(prefix: string, tower: Tower): Promise<Block> {
    const { width } = tower;
    return {
      norm1: await this.norm(`${prefix}.layer_norm1`, width),
      queryKeyValue: await this.queryKeyValue(`${prefix}.self_attn`, width),
      out: await this.linear(`${prefix}.self_attn.out_proj`, [width, width]),
      norm2: await this.norm(`${prefix}.layer_norm2`, width),
      mlp: await this.feedForward(`${prefix}.mlp`, tower),
    };
  }

  /** Three linear maps of the same input as one: one large matrix product is faster than three smaller ones. */
  private async queryKeyValue(prefix: string, width: number): Promise<Linear> {
    const parts: Linear[] = [];
    for (const name of ['q_proj', 'k_proj', 'v_proj'])
      parts.push(await this.linear(`${prefix}.${name}`, [width, width]));
    const together = {
      kernel: this.tf.concat(
        parts.map(({ kernel }) => kernel),
        1,
      ),
      bias: this.tf.concat(
        parts.map(({ bias }) => bias!),
        0,
      ),
    };
    this.tf.dispose(parts.flatMap(({ kernel, bias }) => [kernel, bias!]));
    return together;
  }
}

/** Blocks on the device; `prefix` is the part of the weights' names before the number of a layer. */
export async function loadBlocks(loader: LayerLoader, prefix: string, tower: Tower): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  // One after the other: of large checkpoints only one block at a time is in memory twice.
  for (let at = 0; at < tower.layers; at += 1) blocks.push(await loader.block(`${prefix}.${at}`, tower));
  return blocks;
}

/**
 * Runs the blocks one after the other. What a block leaves behind is freed before the next one begins: kept until the end, a batch of 64
 * at ViT-B/32 would need 3 GB. Takes `input` over and disposes of it.
 *
 * @param mask added to the attention's scores before the softmax, e.g. a causal one
 */
export function runBlocks(
  tf: Tfjs,
  { blocks, tower, mask }: { blocks: readonly Block[]; tower: Tower; mask?: Tensor | undefined },
  input: Tensor,
): Tensor {
  let hidden = input;
  for (const block of blocks) {
    const next = tf.tidy(() => runBlock(tf, { block, tower, mask }, hidden));
    hidden.dispose();
    hidden = next;
  }
  return hidden;
}

function runBlock(
  tf: Tfjs,
  { block, tower, mask }: { block: Block; tower: Tower; mask: Tensor | undefined },
  input: Tensor,
): Tensor {
  const [batch, length] = input.shape as readonly [number, number, number];
  const rows = tf.reshape(input, [batch * length, tower.width]);
  const normed = layerNorm(tf, rows, block.norm1, tower.epsilon);
  const attended = attention(tf, { qkv: linear(tf, normed, block.queryKeyValue), batch, length, tower, mask });
  const middle = tf.add(rows, linear(tf, attended, block.out));
  const normedAgain = layerNorm(tf, middle, block.norm2, tower.epsilon);
  const added = tf.add(middle, feedForward(tf, normedAgain, block.mlp, tower.activation));
  return tf.reshape(added, [batch, length, tower.width]);
}

/** Two linear maps and the activation between them, over rows. */
export function feedForward(tf: Tfjs, input: Tensor, { widen, narrow }: FeedForward, activation: Activation): Tensor {
  return linear(tf, activate(tf, linear(tf, input, widen), activation), narrow);
}

interface AttentionInput {
  /** batch · length × 3 · width: queries, keys and values side by side. */
  readonly qkv: Tensor;
  readonly batch: number;
  readonly length: number;
  readonly tower: Tower;
  readonly mask: Tensor | undefined;
}

/** Softmax(q · kᵀ / √width per head) · v (Vaswani et al. 2017, equation 1), all heads at once. */
function attention(tf: Tfjs, { qkv, batch, length, tower, mask }: AttentionInput): Tensor {
  const { width, heads } = tower;
  const perHead = width / heads;
  const [query, key, value] = tf.split(qkv, 3, 1).map((part) => headsOf(tf, part, { batch, heads, perHead }));
  const scores = tf.matMul(tf.mul(query!, 1 / Math.sqrt(perHead)), key!, false, true);
  const weights = tf.softmax(mask === undefined ? scores : tf.add(scores, mask));
  const mixed = tf.reshape(tf.matMul(weights, value!), [batch, heads, length, perHead]);
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * length, width]);
}

/** What each head works with, of batch · length × width: batch · heads × length × perHead. */
export function headsOf(
  tf: Tfjs,
  rows: Tensor,
  { batch, heads, perHead }: { readonly batch: number; readonly heads: number; readonly perHead: number },
): Tensor {
  // Four dimensions: WebAssembly turns five in a loop of single numbers.
  const turned = tf.transpose(tf.reshape(rows, [batch, -1, heads, perHead]), [0, 2, 1, 3]);
  return tf.reshape(turned, [batch * heads, -1, perHead]);
}

/** (x − mean) / √(variance + ε) · scale + shift over the last axis (Ba et al. 2016). */
export function layerNorm(tf: Tfjs, input: Tensor, { scale, shift }: LayerNorm, epsilon: number): Tensor {
  const centred = tf.sub(input, tf.mean(input, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  const unit = tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(unit, scale), shift);
}

export function linear(tf: Tfjs, input: Tensor, { kernel, bias }: Linear): Tensor {
  // `fused.matMul` adds the bias while the sums are still at hand.
  return tf.fused.matMul({ a: input, b: kernel, ...(bias && { bias }) });
}

function activate(tf: Tfjs, input: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case 'quick-gelu':
      return tf.mul(input, tf.sigmoid(tf.mul(input, 1.702)));
    case 'gelu':
      return tf.mul(tf.mul(input, 0.5), tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1));
    case 'gelu-tanh': {
      const inner = tf.mul(tf.add(input, tf.mul(tf.pow(input, 3), 0.044715)), Math.sqrt(2 / Math.PI));
      return tf.mul(tf.mul(input, 0.5), tf.add(tf.tanh(inner), 1));
    }
    default:
      return activation satisfies never;
  }
}
