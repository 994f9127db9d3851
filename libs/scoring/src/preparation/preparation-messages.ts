import type { PictureSteps } from '../checkpoint/description.js';
import type { PictureLimits } from '../decoding/decode-picture.js';
import type { PreprocessingMode } from '../preprocessing/preprocessing.js';
import type { PictureFault, PreparedPicture } from './prepared-picture.js';

/** What a thread that decodes needs to know. */
export interface PreparationSettings {
  readonly mode: PreprocessingMode;
  readonly steps: PictureSteps;
  readonly limits: PictureLimits;
}

/** Of the thread, with the memory that it writes to. */
export interface PreparationWorkerData extends PreparationSettings {
  readonly memory: SharedArrayBuffer;
}

export interface PreparationRequest {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Byte of the memory where the square begins. */
  readonly at: number;
}

/** `error`: neither a picture nor a fault of one. */
export type PreparationReply =
  | { readonly id: number; readonly picture: PreparedPicture | PictureFault }
  | { readonly id: number; readonly error: string };
