/** What an engine's worker thread is asked for. */
export type WorkerRequest =
  | { readonly kind: 'images'; readonly id: number; readonly pixels: Uint8Array<ArrayBuffer>; readonly count: number }
  | { readonly kind: 'texts'; readonly id: number; readonly ids: readonly Int32Array[] }
  | { readonly kind: 'close' };

/** What it answers. */
export type WorkerReply =
  /** `device`: what computes, in words. */
  | { readonly kind: 'ready'; readonly device: string }
  | {
      readonly kind: 'embeddings';
      readonly id: number;
      readonly embeddings: Float32Array<ArrayBuffer>;
      /** Of the request, to be filled again. */
      readonly pixels?: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };
