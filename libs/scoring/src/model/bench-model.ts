import { chooseEngine, EngineUnavailableError, type EngineName } from '../engines/choose-engine.js';
import type { EmbeddingEngine } from '../engines/engine.js';
import { EngineFailedError } from '../engines/errors.js';
import { goldenPixels } from '../engines/golden.js';
import type { EnginePrecision } from '../graphs/graph-builder.js';
import { loadClipModel, type ClipModel } from './model-directory.js';

export interface BenchOptions {
  readonly engines: readonly EngineName[];
  readonly precision: EnginePrecision;
  /** Threads of an engine that lets itself be told. */
  readonly threads: number;
  /** Pictures, or texts, that an engine is given at once. */
  readonly batches: readonly number[];
  /** How long each batch size is measured, seconds. */
  readonly seconds: number;
}

/** How fast one engine is, or why it is not measured. */
export type EngineSpeed =
  | {
      readonly engine: string;
      readonly outcome: 'measured';
      /** Until it can compute: graphs are written the first time. Milliseconds. */
      readonly startMs: number;
      readonly speeds: readonly {
        readonly batch: number;
        readonly picturesPerSecond: number;
        readonly textsPerSecond: number;
      }[];
    }
  | { readonly engine: string; readonly outcome: 'unavailable'; readonly reason: string };

/**
 * Measures engines on a model: pixels in, embeddings out, as the scorer asks for them; decoding is not in it.
 * @throws ModelDirectoryError when the model can't be used
 */
export async function* benchModel(directory: string, options: BenchOptions): AsyncGenerator<EngineSpeed> {
  const model = await loadClipModel(directory);
  for (const name of options.engines) yield await speedOf(name, model, options);
}

async function speedOf(name: EngineName, model: ClipModel, options: BenchOptions): Promise<EngineSpeed> {
  let engine: EmbeddingEngine | undefined;
  try {
    const { kind } = await chooseEngine(name);
    const from = performance.now();
    engine = await kind.start(model, { threads: options.threads, precision: options.precision });
    const startMs = performance.now() - from;
    const speeds = [];
    for (const batch of options.batches)
      speeds.push({ batch, ...(await speedAt(batch, engine, model, options.seconds)) });
    return { engine: engine.name, outcome: 'measured', startMs, speeds };
  } catch (error) {
    if (!(error instanceof EngineUnavailableError) && !(error instanceof EngineFailedError)) throw error;
    return { engine: name, outcome: 'unavailable', reason: error.message };
  } finally {
    await engine?.close();
  }
}

async function speedAt(
  batch: number,
  engine: EmbeddingEngine,
  { description, tokenizer }: ClipModel,
  seconds: number,
): Promise<{ readonly picturesPerSecond: number; readonly textsPerSecond: number }> {
  const pixels = goldenPixels(batch, description.image.side);
  const [ids] = tokenizer.encode('a picture of a small red star beside a large blue circle').windows;
  const picturesPerSecond = await perSecond(batch, seconds, () => {
    const buffer = engine.pixelBuffer(pixels.length);
    buffer.set(pixels);
    return engine.embedImages(buffer, batch);
  });
  const texts = Array.from({ length: batch }, () => ids);
  return { picturesPerSecond, textsPerSecond: await perSecond(batch, seconds, () => engine.embedTexts(texts)) };
}

/** Two at a time, as the scorer keeps them; the first is not counted, since memory is planned with it. */
async function perSecond(batch: number, seconds: number, embed: () => Promise<unknown>): Promise<number> {
  await embed();
  const from = performance.now();
  const end = from + seconds * 1000;
  let done = 0;
  const lane = async (): Promise<void> => {
    do {
      await embed();
      done += batch;
    } while (performance.now() < end);
  };
  await Promise.all([lane(), lane()]);
  return (done * 1000) / (performance.now() - from);
}
