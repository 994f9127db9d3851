import type { EnginePrecision } from '../graphs/graph-builder.js';
import type { ClipModel } from '../model/model-directory.js';

/** Computes embeddings of one CLIP model; all of them L2-normalised float32 of the description's `dimension`. */
export interface EmbeddingEngine {
  /** As it stands in every score, e.g. `onnx-cpu`: what else than the weights decides the last digits. */
  readonly name: string;
  /** Why it can't compute at present; undefined while all is well. */
  failure(): string | undefined;
  /**
   * Memory for the pixels of one {@link embedImages}: that of an earlier call where it has come back, which spares mapping new pages.
   * What is in it is meaningless.
   */
  pixelBuffer(bytes: number): Uint8Array<ArrayBuffer>;
  /**
   * @param pixels `count` interleaved 8-bit RGB pictures of the model's size, one after the other. The buffer belongs to the engine
   *   from here on; the caller must not touch it again. Any will do; one of {@link pixelBuffer} costs least.
   * @returns count × dimension
   */
  embedImages(pixels: Uint8Array<ArrayBuffer>, count: number): Promise<Float32Array>;
  /**
   * @param ids token ids, at most the text tower's `contextLength` each, the last one being end-of-text. Engines pad with that last one, as Hugging
   *   Face does; a causal CLIP pools at the first and gives the same result for any padding. SigLIP's come padded.
   * @returns ids.length × dimension
   */
  embedTexts(ids: readonly Int32Array[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Threads that one matrix product may use. */
  readonly threads: number;
  /** In which the towers compute; embeddings are float32 always. Default `f32`. */
  readonly precision?: EnginePrecision;
  /** Where files made of the weights are kept when the model's directory can't be written to. Default: nowhere. */
  readonly cacheDirectory?: string;
}

export interface Availability {
  readonly available: boolean;
  /** What computes, or why it can't, with what to do about it. */
  readonly reason: string;
  /** It works and is no good choice: taken when it is asked for by name, passed over otherwise. */
  readonly onlyByName?: boolean;
}

/** One way to compute embeddings, as the registry knows it. */
export interface EngineKind {
  /** Whether it can run here, and if not why. */
  availability(): Promise<Availability>;
  /** Loads and warms up. */
  start(model: ClipModel, options: EngineOptions): Promise<EmbeddingEngine>;
}
