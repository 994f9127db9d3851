import { z } from 'zod';

const activation = z.enum(['relu', 'none', 'sigmoid']).default('none');
const layer = z
  .object({
    /** Rows are outputs, columns are inputs, as in PyTorch's `Linear`. */
    weight: z.array(z.array(z.number()).min(1)).min(1),
    bias: z.array(z.number()).min(1),
    activation,
  })
  .refine(({ weight }) => weight.every((row) => row.length === weight[0]!.length), 'rows of `weight` differ in length')
  .refine(({ weight, bias }) => weight.length === bias.length, '`bias` needs one number per row of `weight`');

/** Key of the score in `image.scored.v1`; behind a colon stands a concept's name. */
const name = z
  .string()
  .regex(/^[^:]+$/, 'expected a name without a colon, which stands between a head and its concept');

const trained = {
  name,
  /** Digest of the embeddings that the head was trained on, `embeddingDigest` of the model: a file without it is refused. */
  embedding: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** Id of the embedding model, in files of before `embedding`: a name that any weights may have. */
  model: z.string().min(1).optional(),
  /** `probability`: the result lies in [0, 1], so the last activation has to be `sigmoid`. */
  output: z.enum(['probability', 'score']),
};

/** A small network on the L2-normalised image embedding. */
export const networkHead = z
  .object({ ...trained, layers: z.array(layer).min(1) })
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

/** The same with its numbers in a safetensors file beside it. */
export const storedNetworkHead = z.object({
  ...trained,
  weights: z.string().regex(/^[\w.-]+\.safetensors$/),
  /** Layers take `<tensor>.weight` and `<tensor>.bias`; an empty one takes `weight` and `bias`. */
  layers: z.array(z.object({ tensor: z.string(), activation })).min(1),
});

const text = z.string().trim().min(1);
const texts = { name, scale: z.number().positive().optional() };
/** Which of two texts fits better: the probability of the first (CLIP-IQA, Wang et al. 2023, equation 3). */
export const contrastHead = z.object({ ...texts, contrast: z.tuple([text, text]) });
/** Which of several texts fits, each under a name of its own: probabilities that sum to 1, of a SigLIP each for itself. */
export const conceptsHead = z
  .object({ ...texts, concepts: z.record(z.string().min(1), text) })
  .refine(({ concepts }) => Object.keys(concepts).length > 1, 'expected two or more `concepts`');

export type StoredNetworkHead = z.infer<typeof storedNetworkHead>;
export type NetworkHead = z.infer<typeof networkHead>;
export type TextHead = z.infer<typeof contrastHead> | z.infer<typeof conceptsHead>;
/** A file of a model's folder `heads/`. */
export type QualityHead = NetworkHead | TextHead;

/** A head was asked to judge embeddings that it was not trained on. */
export class ForeignHeadError extends Error {
  override readonly name = 'ForeignHeadError';
}

/** Whether the head compares pictures with texts, which belong to no other model by themselves. */
export function isTextHead(head: QualityHead): head is TextHead {
  return !('layers' in head);
}

/** What a trained head has to belong to. */
interface EmbeddingModel {
  readonly id: string;
  readonly embeddingDigest: string;
  readonly dimension: number;
}

/** @throws ForeignHeadError unless each trained head says that it was trained on these embeddings, and takes as many numbers. */
export function assertHeadsBelong(heads: readonly QualityHead[], model: EmbeddingModel): void {
  for (const head of heads) if (!isTextHead(head)) assertHeadBelongs(head, model);
}

function assertHeadBelongs(head: NetworkHead, model: EmbeddingModel): void {
  if (head.embedding === undefined) {
    const named = head.model === undefined ? '' : `, only that their model was called "${head.model}"`;
    throw new ForeignHeadError(
      `head "${head.name}" doesn't say which embeddings it was trained on${named}; if they are those of "${model.id}" as it lies here, write "embedding": "${model.embeddingDigest}" into its file`,
    );
  }
  if (head.embedding !== model.embeddingDigest) {
    throw new ForeignHeadError(
      `head "${head.name}" was trained on the embeddings ${head.embedding}, those of "${model.id}" are ${model.embeddingDigest}`,
    );
  }
  const inputs = head.layers[0]!.weight[0]!.length;
  if (inputs !== model.dimension) {
    throw new ForeignHeadError(
      `head "${head.name}" takes ${inputs} numbers, the embedding of "${model.id}" has ${model.dimension}`,
    );
  }
}

/** Applies a head to one L2-normalised embedding, in double precision. */
export function applyHead({ layers }: NetworkHead, embedding: Float32Array): number {
  let values: ArrayLike<number> = embedding;
  for (const { weight, bias, activation: kind } of layers) {
    const input = values;
    values = weight.map((row, output) => activate(kind, dot(row, input) + bias[output]!));
  }
  return values[0]!;
}

/** Layers without an activation between them as one: LAION's aesthetic v2 has five and is a single affine map. */
export function withFoldedLayers(head: NetworkHead): NetworkHead {
  const folded: NetworkHead['layers'] = [];
  for (const next of head.layers) {
    const last = folded.at(-1);
    if (last === undefined || last.activation !== 'none') folded.push(next);
    else folded[folded.length - 1] = composed(last, next);
  }
  return { ...head, layers: folded };
}

type Layer = NetworkHead['layers'][number];

function composed(first: Layer, second: Layer): Layer {
  const columns = first.weight[0]!.length;
  const weight = second.weight.map((row) => {
    const sums = Array.from({ length: columns }, () => 0);
    row.forEach((factor, inner) => first.weight[inner]!.forEach((value, at) => (sums[at]! += factor * value)));
    return sums;
  });
  const bias = second.weight.map((row, at) => dot(row, first.bias) + second.bias[at]!);
  return { weight, bias, activation: second.activation };
}

function dot(row: readonly number[], input: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < row.length; index += 1) sum += row[index]! * input[index]!;
  return sum;
}

function activate(kind: 'relu' | 'none' | 'sigmoid', value: number): number {
  switch (kind) {
    case 'relu':
      return Math.max(value, 0);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-value));
    case 'none':
      return value;
    default:
      return kind satisfies never;
  }
}
