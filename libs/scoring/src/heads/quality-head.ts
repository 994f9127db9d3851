import { z } from 'zod';

const layer = z
  .object({
    /** Rows are outputs, columns are inputs, as in PyTorch's `Linear`. */
    weight: z.array(z.array(z.number()).min(1)).min(1),
    bias: z.array(z.number()).min(1),
    activation: z.enum(['relu', 'none', 'sigmoid']).default('none'),
  })
  .refine(({ weight }) => weight.every((row) => row.length === weight[0]!.length), 'rows of `weight` differ in length')
  .refine(({ weight, bias }) => weight.length === bias.length, '`bias` needs one number per row of `weight`');

/** A small network on the L2-normalised image embedding, e.g. `heads/quality.json` of a model's directory. */
export const qualityHeadFile = z
  .object({
    /** Key of the score in `image.scored.v1`. */
    name: z.string().min(1),
    /** Id of the embedding model that the head was trained on. May be left out inside that model's own directory. */
    model: z.string().min(1).optional(),
    layers: z.array(layer).min(1),
    /** `probability`: the result lies in [0, 1], so the last activation has to be `sigmoid`. */
    output: z.enum(['probability', 'score']),
  })
  .refine(
    ({ layers }) =>
      layers.every((one, index) => index === 0 || one.weight[0]!.length === layers[index - 1]!.bias.length),
    'a layer takes another number of inputs than the one before it gives',
  )
  .refine(({ layers }) => layers.at(-1)!.bias.length === 1, 'the last layer has to give exactly one number')
  .refine(
    ({ layers, output }) => output !== 'probability' || layers.at(-1)!.activation === 'sigmoid',
    'output "probability" needs the activation "sigmoid" in the last layer',
  );
export type QualityHead = z.infer<typeof qualityHeadFile>;

/** A head was asked to judge embeddings of a model that it was not trained on. */
export class ForeignHeadError extends Error {
  override readonly name = 'ForeignHeadError';
}

/** @throws ForeignHeadError unless the head belongs to this embedding model: same id where it names one, same dimension. */
export function assertHeadBelongs(head: QualityHead, model: { readonly id: string; readonly dimension: number }): void {
  if (head.model !== undefined && head.model !== model.id) {
    throw new ForeignHeadError(`head "${head.name}" was trained on "${head.model}", not on "${model.id}"`);
  }
  const inputs = head.layers[0]!.weight[0]!.length;
  if (inputs !== model.dimension) {
    throw new ForeignHeadError(
      `head "${head.name}" takes ${inputs} numbers, the embedding of "${model.id}" has ${model.dimension}`,
    );
  }
}

/** Applies a head to one L2-normalised embedding, in double precision. */
export function applyHead(head: QualityHead, embedding: Float32Array): number {
  let values: ArrayLike<number> = embedding;
  for (const { weight, bias, activation } of head.layers) {
    const input = values;
    values = weight.map((row, output) => activate(activation, dot(row, input) + bias[output]!));
  }
  return values[0]!;
}

function dot(row: readonly number[], input: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < row.length; index += 1) sum += row[index]! * input[index]!;
  return sum;
}

function activate(activation: 'relu' | 'none' | 'sigmoid', value: number): number {
  switch (activation) {
    case 'relu':
      return Math.max(value, 0);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-value));
    case 'none':
      return value;
    default:
      return activation satisfies never;
  }
}
