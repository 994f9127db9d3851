/** What of onnxruntime computes. */
export type OnnxProvider = 'cpu' | 'cuda' | 'webgpu';

/** What the worker needs to open its sessions. */
export interface OnnxWorkerData {
  readonly graphs: { readonly image: string; readonly text: string };
  readonly side: number;
  readonly contextLength: number;
  readonly dimension: number;
  readonly endOfText: number;
  readonly threads: number;
  readonly provider: OnnxProvider;
}

export type OnnxRequest =
  | { readonly kind: 'images'; readonly id: number; readonly pixels: Uint8Array<ArrayBuffer>; readonly count: number }
  | { readonly kind: 'texts'; readonly id: number; readonly ids: readonly Int32Array[] }
  | { readonly kind: 'close' };

export type OnnxReply =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'embeddings';
      readonly id: number;
      readonly embeddings: Float32Array<ArrayBuffer>;
      /** Of the request, to be filled again. */
      readonly pixels?: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };
