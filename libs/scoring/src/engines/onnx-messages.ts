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
