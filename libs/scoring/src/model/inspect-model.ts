import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointDescription } from '../checkpoint/description.js';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { openWeights, type WeightsSize } from '../checkpoint/open-weights.js';
import { readGolden, type GoldenEmbeddings } from '../engines/golden.js';
import { shippedTowers } from '../graphs/tower-files.js';
import { ForeignHeadError } from '../heads/quality-head.js';
import { loadClipModel, type ClipModel } from './model-directory.js';

/** What a folder holds: a model that can be used, or the first reason why it can't. */
export type InspectedModel =
  | {
      readonly outcome: 'usable';
      readonly directory: string;
      /** As it stands in every score. */
      readonly id: string;
      /** SHA-256 over everything that decides a score. */
      readonly digest: string;
      /** SHA-256 over what decides an embedding: trained heads are bound to it. */
      readonly embeddingDigest: string;
      readonly description: CheckpointDescription;
      /** Null for a model of graphs alone. */
      readonly weights: WeightsSize | null;
      /** Whether the model brings graphs along, in `onnx/`. */
      readonly hasGraphs: boolean;
      /** Names of its quality heads. */
      readonly heads: readonly string[];
      /** How many golden embeddings it brings along; null without any. */
      readonly golden: { readonly pictures: number; readonly texts: number } | null;
    }
  | { readonly outcome: 'refused'; readonly directory: string; readonly reason: string };

/** Reads everything that describes the model, and the heads of its weight files; weights are hashed and not looked at. */
export async function inspectModel(directory: string): Promise<InspectedModel> {
  const opened = await openModel(directory);
  if ('refusal' in opened) return { outcome: 'refused', directory, reason: opened.refusal };
  const { model, weights, golden } = opened;
  return {
    outcome: 'usable',
    directory: model.directory,
    id: model.id,
    digest: model.digest,
    embeddingDigest: model.embeddingDigest,
    description: model.description,
    weights,
    hasGraphs: (await shippedTowers(model.directory)) !== null,
    heads: model.heads.map(({ name }) => name),
    golden: golden && { pictures: golden.pictures.length, texts: golden.texts.length },
  };
}

/** A model, the size of its weights and what it is held against; both null without any. */
export interface OpenedModel {
  readonly model: ClipModel;
  readonly weights: WeightsSize | null;
  readonly golden: GoldenEmbeddings | null;
}

/** Hashes all of the model's files, which takes as long as reading them. @returns the first reason why it can't be used otherwise */
export async function openModel(directory: string): Promise<OpenedModel | { readonly refusal: string }> {
  try {
    const model = await loadClipModel(directory);
    const golden = await readGolden(model.directory);
    return { model, golden, weights: await sizeOf(model) };
  } catch (error) {
    if (error instanceof ModelDirectoryError || error instanceof ForeignHeadError) return { refusal: error.message };
    throw error;
  }
}

async function sizeOf({ directory }: ClipModel): Promise<WeightsSize | null> {
  const hasWeights = ['model.safetensors', 'model.safetensors.index.json'].some((file) =>
    existsSync(join(directory, file)),
  );
  if (!hasWeights && (await shippedTowers(directory)) !== null) return null;
  const weights = await openWeights(directory);
  try {
    return weights.size;
  } finally {
    await weights.close();
  }
}
