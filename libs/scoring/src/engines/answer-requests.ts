import type { MessagePort } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

/** What computes in an engine's thread. */
export interface Embedder {
  images(pixels: Uint8Array<ArrayBuffer>, count: number): Promise<Float32Array<ArrayBuffer>>;
  texts(ids: readonly Int32Array[]): Promise<Float32Array<ArrayBuffer>>;
}

interface AnsweringThread {
  /** Undefined in a thread that is asked for nothing but to close. */
  readonly embedder: Embedder | undefined;
  /** Frees the device; nothing computes any more. */
  stop(): Promise<void> | void;
}

/** @returns what answers one request through the port, an error of the embedder included */
export function answersBy(
  port: MessagePort,
  { embedder, stop }: AnsweringThread,
): (request: WorkerRequest) => Promise<void> {
  return async (request) => {
    if (request.kind === 'close') {
      port.close();
      await stop();
      return;
    }
    const { id } = request;
    try {
      if (request.kind === 'images') {
        const { pixels, count } = request;
        const embeddings = await embedder!.images(pixels, count);
        reply(port, { kind: 'embeddings', id, embeddings, pixels }, [embeddings.buffer, pixels.buffer]);
      } else {
        const embeddings = await embedder!.texts(request.ids);
        reply(port, { kind: 'embeddings', id, embeddings }, [embeddings.buffer]);
      }
    } catch (error) {
      reply(port, { kind: 'failed', id, message: (error as Error).message });
    }
  };
}

/** @param transfer memory that goes along instead of being copied */
export function reply(port: MessagePort, message: WorkerReply, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
