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
  /** Buckets that `s3:` pictures are read from by the AWS SDK, with the endpoint of a store that is not Amazon's; none by default. */
  readonly s3?: { readonly buckets: readonly string[]; readonly endpoint?: string };
  /** Buckets that `gs:` pictures are read from with the key of a service account; none by default. */
  readonly gs?: { readonly buckets: readonly string[]; readonly keyFile: string; readonly endpoint: string };
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
  /** So long a picture that does not come is tried for, and a host that answers nothing is believed in. Default 10000. */
  readonly deadlineMs?: number;
  /** Pictures fetched at the same time from one host. Default 8. */
  readonly fetchConcurrency?: number;
  /** Bytes of fetched pictures in memory, as files. Default 256 MiB. */
  readonly fetchedBytes?: number;
  /** Threads that decode and resize. Default 1; 0: the service's own does. */
  readonly decodeThreads?: number;
  /** Default: everything is scored. */
  readonly sampling?: SamplingOptions;
}
