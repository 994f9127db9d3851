import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ScoreIdentity } from '#libs/contracts';
import { decodePicture, defaultPictureLimits, type PictureLimits } from './decoding/decode-picture.js';
import type { DecodingNote } from './decoding/decoded-picture.js';
import { RefusedPictureError, UndecodablePictureError, UnsupportedPictureError } from './decoding/picture-errors.js';
import { chooseEngine, type EngineName } from './engines/choose-engine.js';
import type { EmbeddingEngine } from './engines/engine.js';
import { readGolden } from './engines/golden.js';
import { expectGolden } from './engines/self-test.js';
import type { EnginePrecision } from './graphs/graph-builder.js';
import { applyHead } from './heads/quality-head.js';
import { LruCache } from './lru-cache.js';
import { loadClipModel, type ClipModel } from './model/model-directory.js';
import { blankKindOf, blankReasons, type BlankKind } from './pictures/blank.js';
import type { RgbPicture } from './pictures/rgb-picture.js';
import { preprocessing, type Preprocessing, type PreprocessingMode } from './preprocessing/preprocessing.js';
import type { TokenizedText } from './text/clip-tokenizer.js';
import { fillTemplate, normalisePrompt, readPrompt } from './text/prompt.js';
import { RecentTexts } from './text/recent-texts.js';
import { REFERENCE_PROMPTS } from './text/reference-prompts.js';

/** Pictures embedded by one call of the engine; while it computes, the next ones are decoded. */
const GROUP_SIZE = 64;

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
  /** Pictures decoded at the same time by sharp's threads. Default 4. */
  readonly decodeConcurrency?: number;
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
      /** SHA-256 of `<width>x<height>` and the RGB values, in hex. */
      readonly pixels: string;
      readonly decoding: readonly DecodingNote[];
      /** Share of the picture's area that the model saw. */
      readonly seenShare: number;
      /** At least twice as long as wide: it was seen whole, between borders, by a model that would crop its middle. */
      readonly isLetterboxed: boolean;
    }
  | BlankPicture
  /**
   * `unsupported`: a picture of a format that is not read; `unscorable`: the model can't tell, of the picture or of the prompt. Both are nobody's
   * fault, as `refused` is.
   */
  | {
      readonly outcome: 'undecodable' | 'unsupported' | 'refused' | 'unscorable';
      readonly reason: string;
    };

/** There is nothing on it that could fit a prompt: it is counted, and embedded by nobody. */
interface BlankPicture {
  readonly outcome: 'blank';
  readonly blank: BlankKind;
  readonly reason: string;
  readonly pixels: string;
  readonly decoding: readonly DecodingNote[];
}

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

/** Scores pictures with one model, one engine and one preprocessing: the identity that stands in every score. */
export interface Scorer {
  readonly identity: ScoreIdentity;
  health(): ScorerHealth;
  /**
   * Scores in the order of the inputs. What is wrong with one picture is said in its place.
   * @throws EngineFailedError when the engine can't compute: no picture's fault, trying again may help
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

interface SeenPicture {
  readonly embedding: Float32Array;
  readonly pixels: string;
  readonly decoding: readonly DecodingNote[];
  readonly seenShare: number;
  readonly isLetterboxed: boolean;
}

interface SeenText {
  readonly embedding: Float32Array;
  readonly truncated: boolean;
  readonly windows: number;
  readonly unknownShare: number;
  readonly promptClass: number;
}

interface WaitingText extends TokenizedText {
  /** Normalised. */
  readonly prompt: string;
}

interface PreparedGroup {
  /** The model's squares one after the other; bytes behind the last picture are meaningless. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly pictures: readonly (Omit<SeenPicture, 'embedding'> & { readonly key: string })[];
}

interface WaitingPicture {
  readonly key: string;
  readonly bytes: Buffer;
}

type Broken = Exclude<PictureScore, { outcome: 'scored' }>;

interface ScorerParts {
  readonly model: ClipModel;
  readonly preprocessing: Preprocessing;
  readonly engine: EmbeddingEngine;
  /** Why it is this engine. */
  readonly reason: string;
}

class ClipScorer implements Scorer {
  readonly identity: ScoreIdentity;
  private readonly preprocessing: Preprocessing;
  private readonly limits: PictureLimits;
  private readonly decodeConcurrency: number;
  private readonly pictures: LruCache<SeenPicture>;
  private readonly texts: LruCache<SeenText>;
  private readonly recentTexts = new RecentTexts();
  private unscorable: ScorerHealth['unscorable'] = { count: 0, latest: null };
  private references: Promise<readonly Float32Array[]> | null = null;

  private readonly model: ClipModel;
  private readonly engine: EmbeddingEngine;
  private readonly engineReason: string;

  constructor({ model, preprocessing: prepares, engine, reason }: ScorerParts, options: ScorerOptions) {
    this.model = model;
    this.engine = engine;
    this.engineReason = reason;
    this.preprocessing = prepares;
    this.limits = options.limits ?? defaultPictureLimits;
    this.decodeConcurrency = options.decodeConcurrency ?? 4;
    this.pictures = new LruCache(options.pictureCacheSize ?? 4096);
    this.texts = new LruCache(options.textCacheSize ?? 16_384);
    this.identity = {
      model: model.id,
      digest: model.digest,
      preprocessing: this.preprocessing.version,
      engine: engine.name,
    };
  }

  health(): ScorerHealth {
    return {
      model: this.model.id,
      digest: this.model.digest,
      engine: this.engine.name,
      engineReason: this.engineReason,
      failure: this.engine.failure() ?? null,
      unscorable: this.unscorable,
    };
  }

  async close(): Promise<void> {
    await this.engine.close();
  }

  async score(inputs: readonly ScorerInput[]): Promise<readonly PictureScore[]> {
    const prompts = inputs.map(({ prompt }) => readPrompt(prompt));
    const [texts, pictures] = await Promise.all([this.embedTexts(prompts), this.embedPictures(inputs)]);
    prompts.forEach((prompt, index) => {
      const text = texts[index]!;
      if ('embedding' in text && prompt !== '') this.recentTexts.note(prompt, text.embedding);
    });
    return prompts.map((prompt, index) => {
      const picture = pictures[index]!;
      const text = texts[index]!;
      const broken = 'outcome' in picture ? picture : 'outcome' in text ? text : null;
      if (broken?.outcome === 'unscorable') {
        this.unscorable = { count: this.unscorable.count + 1, latest: broken.reason };
      }
      return broken ?? this.scoreOf(picture as SeenPicture, text as SeenText, prompt);
    });
  }

  private scoreOf(picture: SeenPicture, text: SeenText, prompt: string): PictureScore {
    const alignmentWith = (embedding: Float32Array): number => cosine(picture.embedding, embedding);
    const alignment = alignmentWith(text.embedding);
    return {
      outcome: 'scored',
      alignment,
      separation: this.recentTexts.separation(prompt, alignment, alignmentWith),
      quality: Object.fromEntries(this.model.heads.map((head) => [head.name, applyHead(head, picture.embedding)])),
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

  private async embedTexts(prompts: readonly string[]): Promise<readonly (SeenText | Broken)[]> {
    const found = new Map<string, SeenText | Broken>();
    const missing: WaitingText[] = [];
    for (const prompt of new Set(prompts)) {
      const seen = this.texts.get(this.keyOf(sha256(prompt)));
      if (seen !== undefined) found.set(prompt, seen);
      else {
        const text = this.model.tokenizer.encode(fillTemplate(this.model.promptTemplate, prompt));
        const { vocabulary } = this.model.description.text;
        const unknown = text.windows.flatMap((ids) => [...ids]).find((id) => id >= vocabulary);
        if (unknown === undefined) missing.push({ prompt, ...text });
        else found.set(prompt, { outcome: 'unscorable', reason: unknownToken(unknown, this.model) });
      }
    }
    if (missing.length > 0) await this.embedMissing(missing, found);
    return prompts.map((prompt) => found.get(prompt)!);
  }

  private async embedMissing(missing: readonly WaitingText[], found: Map<string, SeenText | Broken>): Promise<void> {
    const references = await (this.references ??= this.embedReferences());
    const embeddings = await this.engine.embedTexts(missing.flatMap(({ windows }) => windows));
    let row = 0;
    for (const { prompt, truncated, windows, unknownShare } of missing) {
      const parts = windows.map((ids) => ({ embedding: this.rowOf(embeddings, row++), tokens: ids.length - 2 }));
      const embedding = meanDirection(parts);
      if (!isFinite(embedding)) {
        found.set(prompt, { outcome: 'unscorable', reason: 'the model gives no embedding of length 1 for the prompt' });
        continue;
      }
      const promptClass = nearestTo(embedding, references);
      const text = { embedding, truncated, windows: windows.length, unknownShare, promptClass };
      this.texts.set(this.keyOf(sha256(prompt)), text);
      found.set(prompt, text);
    }
  }

  /** Once, with the first texts. A failure is forgotten, so that the next texts try again. */
  private async embedReferences(): Promise<readonly Float32Array[]> {
    try {
      const ids = REFERENCE_PROMPTS.map((prompt) => {
        const text = fillTemplate(this.model.promptTemplate, normalisePrompt(prompt));
        return this.model.tokenizer.encode(text).windows[0];
      });
      const embeddings = await this.engine.embedTexts(ids);
      return REFERENCE_PROMPTS.map((_, row) => this.rowOf(embeddings, row));
    } catch (error) {
      this.references = null;
      throw error;
    }
  }

  private async embedPictures(inputs: readonly ScorerInput[]): Promise<readonly (SeenPicture | Broken)[]> {
    const keys = inputs.map((input) => this.keyOf(input.sha256 ?? sha256(input.imageBytes)));
    const found = new Map<string, SeenPicture | Broken>();
    // By key, so that the same picture under several events is decoded once.
    const missing = new Map<string, WaitingPicture>();
    keys.forEach((key, index) => {
      const seen = found.get(key) ?? this.pictures.get(key);
      if (seen === undefined) missing.set(key, { key, bytes: inputs[index]!.imageBytes });
      else found.set(key, seen);
    });
    const waiting = [...missing.values()];
    const groups: Promise<void>[] = [];
    for (let from = 0; from < waiting.length; from += GROUP_SIZE) {
      // Whatever else runs in this process gets its turn in between.
      if (from > 0) await setImmediate();
      const prepared = await this.prepareGroup(waiting.slice(from, from + GROUP_SIZE), found);
      const embedded = this.embedGroup(prepared, found);
      // A failure is thrown below; until then it must not count as unhandled.
      embedded.catch(() => undefined);
      groups.push(embedded);
    }
    await Promise.all(groups);
    return keys.map((key) => found.get(key)!);
  }

  /** Decodes and preprocesses; what is broken or blank goes to `found` at once. */
  private async prepareGroup(
    group: readonly WaitingPicture[],
    found: Map<string, SeenPicture | Broken>,
  ): Promise<PreparedGroup> {
    const pictureBytes = this.model.description.pictures.side ** 2 * 3;
    const pixels = this.engine.pixelBuffer(group.length * pictureBytes);
    const prepared = await mapBounded(group, this.decodeConcurrency, (picture, index) =>
      this.prepare(picture, pixels, index * pictureBytes),
    );
    const pictures: PreparedGroup['pictures'][number][] = [];
    group.forEach(({ key }, index) => {
      const picture = prepared[index]!;
      if ('outcome' in picture) {
        found.set(key, picture);
        return;
      }
      // Closes the gaps that broken pictures left.
      const to = pictures.length * pictureBytes;
      pixels.copyWithin(to, index * pictureBytes, (index + 1) * pictureBytes);
      pictures.push({ key, ...picture });
    });
    return { pixels, pictures };
  }

  private async embedGroup(
    { pixels, pictures }: PreparedGroup,
    found: Map<string, SeenPicture | Broken>,
  ): Promise<void> {
    if (pictures.length === 0) return;
    const embeddings = await this.engine.embedImages(pixels, pictures.length);
    pictures.forEach(({ key, ...seen }, row) => {
      const embedding = this.rowOf(embeddings, row);
      if (!isFinite(embedding)) {
        found.set(key, { outcome: 'unscorable', reason: 'the model gives no embedding of length 1 for the picture' });
        return;
      }
      const picture = { embedding, ...seen };
      this.pictures.set(key, picture);
      found.set(key, picture);
    });
  }

  /** Decodes and preprocesses one picture into its place; returns what is known of it without the model, or why it has no place. */
  private async prepare(
    { bytes }: WaitingPicture,
    pixels: Uint8Array,
    at: number,
  ): Promise<Broken | Omit<SeenPicture, 'embedding'>> {
    try {
      const picture = await decodePicture(bytes, this.limits);
      const decoded = { pixels: pixelsHash(picture), decoding: picture.notes };
      const blank = blankKindOf(picture);
      if (blank !== null) return { outcome: 'blank', blank, reason: blankReasons[blank], ...decoded };
      await this.preprocessing.apply(picture, { output: pixels, at });
      const { share, isLetterboxed } = this.preprocessing.seen(picture);
      return { ...decoded, seenShare: share, isLetterboxed };
    } catch (error) {
      const outcome = faultOf(error);
      if (outcome === null) throw error;
      return { outcome, reason: (error as Error).message };
    }
  }

  private rowOf(embeddings: Float32Array, row: number): Float32Array {
    // A copy: a view would keep the whole batch alive as long as the cache keeps one of its rows.
    const { dimension } = this.model.description;
    return embeddings.slice(row * dimension, (row + 1) * dimension);
  }

  private keyOf(hash: string): string {
    return `${hash}/${this.model.digest}/${this.preprocessing.version}`;
  }
}

function unknownToken(id: number, { description }: ClipModel): string {
  return `the tokenizer gives the prompt a token ${id}, the model knows those below ${description.text.vocabulary}: tokenizer and weights are not of one model`;
}

/** What is wrong with a picture; null: something else failed. */
function faultOf(error: unknown): 'undecodable' | 'unsupported' | 'refused' | null {
  if (error instanceof UndecodablePictureError) return 'undecodable';
  if (error instanceof UnsupportedPictureError) return 'unsupported';
  return error instanceof RefusedPictureError ? 'refused' : null;
}

/** Of unit vectors, weighted by the tokens that each stands for; a single one stays as it is, bit for bit. */
function meanDirection(parts: readonly { readonly embedding: Float32Array; readonly tokens: number }[]): Float32Array {
  const [first, ...others] = parts;
  if (others.length === 0) return first!.embedding;
  const sum = new Float32Array(first!.embedding.length);
  for (const { embedding, tokens } of parts) {
    for (let at = 0; at < sum.length; at += 1) sum[at]! += tokens * embedding[at]!;
  }
  const length = Math.hypot(...sum);
  return sum.map((value) => value / length);
}

function isFinite(embedding: Float32Array): boolean {
  return embedding.every(Number.isFinite);
}

function pixelsHash({ width, height, data }: RgbPicture): string {
  return createHash('sha256').update(`${width}x${height}`).update(data).digest('hex');
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Dot product of two unit vectors, kept in [−1, 1] against rounding. */
function nearestTo(embedding: Float32Array, references: readonly Float32Array[]): number {
  const cosines = references.map((reference) => cosine(embedding, reference));
  return cosines.indexOf(Math.max(...cosines));
}

function cosine(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index += 1) sum += left[index]! * right[index]!;
  return Math.min(1, Math.max(-1, sum));
}

async function mapBounded<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lanes = Array.from({ length: Math.min(concurrency, items.length) }, async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!, index);
    }
  });
  await Promise.all(lanes);
  return results;
}
