import { createHash } from 'node:crypto';
import type { ScoreIdentity } from '#libs/contracts';
import { defaultPictureLimits, type PictureLimits } from './decoding/decode-picture.js';
import type { DecodingNote } from './decoding/decoded-picture.js';
import { chooseEngine, type EngineName } from './engines/choose-engine.js';
import type { Unscorable } from './engines/embedded-rows.js';
import type { EmbeddingEngine } from './engines/engine.js';
import { readGolden } from './engines/golden.js';
import { expectGolden } from './engines/self-test.js';
import type { EnginePrecision } from './graphs/graph-builder.js';
import { PictureHeads, type Judge } from './heads/picture-heads.js';
import { loadClipModel, type ClipModel } from './model/model-directory.js';
import { cosine } from './pictures/cosine.js';
import { PictureReader, type SeenPicture } from './pictures/picture-reader.js';
import { preparerHere, type PicturePreparer } from './preparation/picture-preparer.js';
import { PreparationPool } from './preparation/preparation-pool.js';
import type { PictureFault } from './preparation/prepared-picture.js';
import { SquareRing } from './preparation/square-ring.js';
import { preprocessing, type Preprocessing, type PreprocessingMode } from './preprocessing/preprocessing.js';
import { readPrompt } from './text/prompt.js';
import { TextReader, type SeenText } from './text/text-reader.js';

/** Largest batch of the engine: beyond it hardly any device becomes faster. */
const MOST_PER_BATCH = 64;
/** Squares between decoding and the engine: one batch that is computed, one in the engine's queue, one that is gathered. */
const SQUARES = 3 * MOST_PER_BATCH;

export interface ScorerOptions {
  /** A CLIP model in the directory layout of Hugging Face. */
  readonly modelDirectory: string;
  readonly engine?: EngineName | 'auto';
  /** Default `exact`. */
  readonly preprocessing?: PreprocessingMode;
  readonly limits?: PictureLimits;
  /** Threads of the engine. Default 1. */
  readonly threads?: number;
  /** In which the engine computes. Default `f32`. */
  readonly precision?: EnginePrecision;
  /** Where files made of the weights are kept when the model's directory can't be written to. Default: nowhere. */
  readonly cacheDirectory?: string;
  /** Threads that decode and resize pictures. Default 0: the caller's own does. */
  readonly decodeThreads?: number;
  /** Embeddings of pictures and of texts that are kept. Defaults 4096 and 16384. */
  readonly pictureCacheSize?: number;
  readonly textCacheSize?: number;
}

export interface ScorerInput {
  readonly imageBytes: Buffer;
  /** SHA-256 of the bytes in hex, where it has been computed already. */
  readonly sha256?: string;
  /** As the user wrote it; the model's template is put around it here. */
  readonly prompt: string;
}

export type PictureScore =
  | {
      readonly outcome: 'scored';
      /** Raw cosine of picture and prompt. */
      readonly alignment: number;
      /** Logit by which people would prefer it among pictures of its prompt; null of models that did not learn that. */
      readonly preference: number | null;
      /** Share of other pictures' prompts that fit worse; null: too few are known. See {@link RecentTexts}. */
      readonly separation: number | null;
      readonly quality: Readonly<Record<string, number>>;
      /** L2-normalised. Shared with the cache: not to be written to. */
      readonly embedding: Float32Array;
      /** What was held against the picture, of the prompt as it was written; empty: nothing, and `alignment` says nothing. */
      readonly scoredPrompt: string;
      /** It is longer than what can be read of it. */
      readonly promptTruncated: boolean;
      /** In so many parts it was read, whose embeddings were averaged by their tokens. */
      readonly promptWindows: number;
      /** Share of its tokens that stand for words which the model does not know. */
      readonly unknownTokenShare: number;
      /** Index of the nearest of {@link REFERENCE_PROMPTS}. */
      readonly promptClass: number;
      /** Digest of the decoded picture, in hex: of `<width>x<height>` and the RGB values. */
      readonly pixels: string;
      readonly decoding: readonly DecodingNote[];
      /** Share of the picture's area that the model saw. */
      readonly seenShare: number;
      /** At least twice as long as wide: it was seen whole, between borders, by a model that would crop its middle. */
      readonly isLetterboxed: boolean;
    }
  | PictureFault
  /** `unsupported` and `unscorable` are nobody's fault, as `refused` is. */
  | Unscorable;

export interface ScorerHealth {
  readonly model: string;
  readonly digest: string;
  readonly engine: string;
  /** Why this engine. */
  readonly engineReason: string;
  /** Why the engine can't compute at present; null while all is well. */
  readonly failure: string | null;
  /** Pictures since the start that the model could tell nothing of, and why the latest one. */
  readonly unscorable: { readonly count: number; readonly latest: string | null };
}

/** `preparing`: decoded and resized; `embedding`: waiting for the model or with it; `squares`: the places taken of those between the two, and how many there are. */
export interface ScorerLoad {
  readonly preparing: number;
  readonly embedding: number;
  readonly squares: { readonly taken: number; readonly places: number };
}

/** Scores pictures with one model, one engine and one preprocessing: the identity that stands in every score. */
export interface Scorer {
  readonly identity: ScoreIdentity;
  health(): ScorerHealth;
  /** Pictures that are looked at now, by the stage that they are in. */
  load(): ScorerLoad;
  /**
   * Scores in the order of the inputs. Pictures of several calls share the engine's batches. What is wrong with one picture is said in its place.
   * @throws EngineFailedError when the engine can't compute, PreparationFailedError when a thread that decodes died: trying again may help
   */
  score(inputs: readonly ScorerInput[]): Promise<readonly PictureScore[]>;
  close(): Promise<void>;
}

/**
 * Loads the model, starts and warms up the engine, and holds it against the model's golden embeddings where it brings some along.
 * @throws ModelDirectoryError, ForeignHeadError, EngineUnavailableError, EngineFailedError
 */
export async function createScorer(options: ScorerOptions): Promise<Scorer> {
  const { kind, reason } = await chooseEngine(options.engine ?? 'auto');
  const model = await loadClipModel(options.modelDirectory);
  const prepares = preprocessing(options.preprocessing ?? 'exact', model.description.pictures);
  const { threads = 1, precision = 'f32', cacheDirectory } = options;
  const engine = await kind.start(model, { threads, precision, ...(cacheDirectory && { cacheDirectory }) });
  await selfTest(engine, model, precision);
  return new ClipScorer({ model, preprocessing: prepares, engine, reason }, options);
}

async function selfTest(engine: EmbeddingEngine, model: ClipModel, precision: EnginePrecision): Promise<void> {
  try {
    const golden = await readGolden(model.directory);
    if (golden !== null) await expectGolden(engine, golden, model.description, precision);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

interface ScorerParts {
  readonly model: ClipModel;
  readonly preprocessing: Preprocessing;
  readonly engine: EmbeddingEngine;
  /** Why it is this engine. */
  readonly reason: string;
}

/** What a picture is held against. */
interface Asked {
  /** As `readPrompt` leaves it. */
  readonly prompt: string;
  readonly judge: Judge;
}

class ClipScorer implements Scorer {
  readonly identity: ScoreIdentity;
  private readonly preparer: PicturePreparer;
  private readonly ring: SquareRing;
  private readonly pictures: PictureReader;
  private readonly texts: TextReader;
  private readonly heads: PictureHeads;
  private unscorable: ScorerHealth['unscorable'] = { count: 0, latest: null };

  constructor(
    private readonly parts: ScorerParts,
    options: ScorerOptions,
  ) {
    const { model, engine, preprocessing: prepares } = parts;
    const { dimension, pictures } = model.description;
    this.ring = new SquareRing(SQUARES, pictures.side ** 2 * 3);
    this.preparer = preparerOf(options, prepares, { ring: this.ring, steps: pictures });
    this.pictures = new PictureReader({
      engine,
      preparer: this.preparer,
      ring: this.ring,
      dimension,
      cacheSize: options.pictureCacheSize ?? 4096,
      mostPerBatch: MOST_PER_BATCH,
    });
    const cacheSize = options.textCacheSize ?? 16_384;
    this.texts = new TextReader({ engine, model, cacheSize, mostPerBatch: MOST_PER_BATCH });
    this.heads = new PictureHeads(model, engine);
    this.identity = {
      model: model.id,
      digest: model.digest,
      preprocessing: prepares.version,
      engine: engine.name,
    };
  }

  health(): ScorerHealth {
    const { model, engine, reason } = this.parts;
    return {
      model: model.id,
      digest: model.digest,
      engine: engine.name,
      engineReason: reason,
      failure: engine.failure() ?? null,
      unscorable: this.unscorable,
    };
  }

  load(): ScorerLoad {
    return { ...this.pictures.load, squares: { taken: this.ring.taken, places: this.ring.places } };
  }

  async close(): Promise<void> {
    await Promise.all([this.preparer.close(), this.parts.engine.close()]);
  }

  async score(inputs: readonly ScorerInput[]): Promise<readonly PictureScore[]> {
    const prompts = inputs.map(({ prompt }) => readPrompt(prompt));
    const [judge, texts, pictures] = await Promise.all([
      this.heads.judge(),
      Promise.all(prompts.map((prompt) => this.texts.read(prompt))),
      Promise.all(inputs.map((input) => this.pictures.read(this.keyOf(input), input.imageBytes))),
    ]);
    return prompts.map((prompt, index) => this.scoreOf(pictures[index]!, texts[index]!, { prompt, judge }));
  }

  private scoreOf(
    picture: SeenPicture | PictureFault | Unscorable,
    text: SeenText | Unscorable,
    asked: Asked,
  ): PictureScore {
    const broken = 'outcome' in picture ? picture : 'outcome' in text ? text : null;
    if (broken?.outcome === 'unscorable') {
      this.unscorable = { count: this.unscorable.count + 1, latest: broken.reason };
    }
    return broken ?? this.fit(picture as SeenPicture, text as SeenText, asked);
  }

  private fit(picture: SeenPicture, text: SeenText, { prompt, judge }: Asked): PictureScore {
    const alignmentWith = (embedding: Float32Array): number => cosine(picture.embedding, embedding);
    const alignment = alignmentWith(text.embedding);
    const { preferenceScale } = this.parts.model;
    return {
      outcome: 'scored',
      alignment,
      preference: preferenceScale === null ? null : preferenceScale * alignment,
      separation: this.texts.separation(prompt, alignment, alignmentWith),
      quality: judge(picture.embedding),
      embedding: picture.embedding,
      scoredPrompt: prompt,
      promptTruncated: text.truncated,
      promptWindows: text.windows,
      unknownTokenShare: text.unknownShare,
      promptClass: text.promptClass,
      pixels: picture.pixels,
      decoding: picture.decoding,
      seenShare: picture.seenShare,
      isLetterboxed: picture.isLetterboxed,
    };
  }

  private keyOf({ sha256, imageBytes }: ScorerInput): string {
    return sha256 ?? createHash('sha256').update(imageBytes).digest('hex');
  }
}

function preparerOf(
  { decodeThreads = 0, limits = defaultPictureLimits, preprocessing: mode = 'exact' }: ScorerOptions,
  prepares: Preprocessing,
  { ring, steps }: { readonly ring: SquareRing; readonly steps: ClipModel['description']['pictures'] },
): PicturePreparer {
  const here = preparerHere({ limits, preprocessing: prepares }, ring);
  return decodeThreads === 0 ? here : new PreparationPool(decodeThreads, { mode, steps, limits }, ring, here);
}
