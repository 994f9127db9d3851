import type { EngineName, PictureLimits, EnginePrecision, PreprocessingMode } from '#libs/scoring';
import type { SamplingOptions } from './sampling.js';

/** Everything about a scorer that an operator may choose. */
export interface ScorerSettings {
  /** A CLIP model in the directory layout of Hugging Face. */
  readonly modelDirectory: string;
  /** Folders that `file:` pictures are read from; none by default. */
  readonly roots?: readonly string[];
  /** Hosts that pictures are fetched from; none by default. */
  readonly hosts?: readonly string[];
  /** Consumer group. Default `scorer`. */
  readonly group?: string;
  /** Default `auto`. */
  readonly engine?: EngineName | 'auto';
  /** Default `exact`. */
  readonly preprocessing?: PreprocessingMode;
  /** In which the engine computes. Default `f32`. */
  readonly precision?: EnginePrecision;
  /** Where graphs made of a model's weights are kept when its directory can't be written to. Default: nowhere. */
  readonly cacheDirectory?: string;
  /** Threads of the engine. Default 1. */
  readonly threads?: number;
  readonly limits?: PictureLimits;
  /** For one attempt to fetch a picture over HTTP. Default 5000. */
  readonly timeoutMs?: number;
  /** Pictures fetched at the same time. Default 8. */
  readonly fetchConcurrency?: number;
  /** Default: everything is scored. */
  readonly sampling?: SamplingOptions;
}
