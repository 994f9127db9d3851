import type { CheckpointDescription } from '../../checkpoint/description.js';
import type { TfjsBackend } from './tfjs-backend.js';

/** What a worker thread of TensorFlow.js is started for. */
export interface TfjsWorkerData {
  readonly backend: TfjsBackend;
  /** Whose embeddings it computes; null when it is only to be seen whether the backend works here. */
  readonly model: { readonly directory: string; readonly description: CheckpointDescription } | null;
}
