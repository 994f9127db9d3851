import type { Activation, Tower } from '../checkpoint/description.js';
import type { Weights } from '../checkpoint/open-weights.js';
import { MICROSOFT, type GraphBuilder } from './graph-builder.js';

const ACTIVATION_OPERATORS: Readonly<Record<Activation, string>> = {
  gelu: `${MICROSOFT}:Gelu`,
  'gelu-tanh': `${MICROSOFT}:FastGelu`,
  'quick-gelu': `${MICROSOFT}:QuickGelu`,
};

/** Builds the parts of a tower from the tensors of a checkpoint in transformers' naming. */
export class TowerLayers {
  constructor(
    private readonly graph: GraphBuilder,
    private readonly weights: Weights,
    private readonly tower: Tower,
  ) {}

  /** A tensor as it is stored. */
  tensor(name: string, shape: readonly number[]): string {
    return this.graph.weight({ name, shape, read: () => this.weights.readTensor(name, shape) });
  }

  norm(input: string, name: string): string {
    const { width, epsilon } = this.tower;
    const parts = [this.tensor(`${name}.weight`, [width]), this.tensor(`${name}.bias`, [width])];
    return this.graph.add('LayerNormalization', [input, ...parts], { axis: -1, epsilon: { float: epsilon } });
  }

  /** PyTorch's `Linear` over rows; its weight is [outputs, inputs]. */
  linear(input: string, name: string, [outputs, inputs]: readonly [number, number]): string {
    const parts = [this.tensor(`${name}.weight`, [outputs, inputs]), this.tensor(`${name}.bias`, [outputs])];
    return this.graph.add('Gemm', [input, ...parts], { transB: 1 });
  }

  /** As {@link linear}, without bias. */
  projection(input: string, name: string, [outputs, inputs]: readonly [number, number]): string {
    return this.graph.add('Gemm', [input, this.tensor(name, [outputs, inputs])], { transB: 1 });
  }

  /**
   * All layers over rows of tokens.
   * @param input [texts or pictures × tokens, width]
   * @param sequences constant shape that makes [batch, tokens, width] of the rows
   */
  encoder(input: string, prefix: string, options: { readonly sequences: string; readonly isCausal: boolean }): string {
    const rows = this.graph.integers([-1, this.tower.width]);
    let hidden = input;
    for (let layer = 0; layer < this.tower.layers; layer += 1) {
      hidden = this.layer(hidden, `${prefix}.${layer}`, { ...options, rows });
    }
    return hidden;
  }

  private layer(
    input: string,
    name: string,
    { sequences, rows, isCausal }: { readonly sequences: string; readonly rows: string; readonly isCausal: boolean },
  ): string {
    const { graph } = this;
    const { width } = this.tower;
    const normed = graph.add('Reshape', [this.norm(input, `${name}.layer_norm1`), sequences]);
    const attended = graph.add('Reshape', [this.attention(normed, `${name}.self_attn`, isCausal), rows]);
    const mixed = graph.add('Add', [input, this.linear(attended, `${name}.self_attn.out_proj`, [width, width])]);
    return graph.add('Add', [mixed, this.feedForward(this.norm(mixed, `${name}.layer_norm2`), `${name}.mlp`)]);
  }

  /** Two linear maps and the activation between them, over rows. */
  feedForward(input: string, name: string): string {
    const { width, mlpWidth, activation } = this.tower;
    const inner = this.linear(input, `${name}.fc1`, [mlpWidth, width]);
    const activated = this.graph.add(ACTIVATION_OPERATORS[activation], [inner], quickGeluSlope(activation));
    return this.linear(activated, `${name}.fc2`, [width, mlpWidth]);
  }

  private attention(input: string, name: string, isCausal: boolean): string {
    const { width, heads } = this.tower;
    const parts = ['q', 'k', 'v'].map((part) => `${name}.${part}_proj`);
    const weight = this.graph.weight({
      name: `${name}.qkv.weight`,
      shape: [width, 3 * width],
      read: async () => beside(await this.readAll(parts, 'weight', [width, width]), width),
    });
    const bias = this.graph.weight({
      name: `${name}.qkv.bias`,
      shape: [3 * width],
      read: async () => joined(await this.readAll(parts, 'bias', [width])),
    });
    return this.graph.add(`${MICROSOFT}:Attention`, [input, weight, bias], {
      num_heads: heads,
      unidirectional: isCausal ? 1 : 0,
    });
  }

  private async readAll(
    parts: readonly string[],
    kind: 'weight' | 'bias',
    shape: readonly number[],
  ): Promise<readonly Float32Array[]> {
    return Promise.all(parts.map((part) => this.weights.readTensor(`${part}.${kind}`, shape)));
  }
}

/** x·σ(slope·x): the slope is the one of OpenAI's code. */
function quickGeluSlope(activation: Activation): Readonly<Record<string, { readonly float: number }>> {
  return activation === 'quick-gelu' ? { alpha: { float: 1.702 } } : {};
}

/** Square matrices [outputs, inputs], each turned to [inputs, outputs], side by side. */
function beside(matrices: readonly Float32Array[], width: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(matrices.length * width * width);
  matrices.forEach((matrix, index) => {
    for (let output = 0; output < width; output += 1) {
      for (let input = 0; input < width; input += 1) {
        result[(input * matrices.length + index) * width + output] = matrix[output * width + input]!;
      }
    }
  });
  return result;
}

function joined(vectors: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const result = new Float32Array(vectors.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const vector of vectors) {
    result.set(vector, at);
    at += vector.length;
  }
  return result;
}
