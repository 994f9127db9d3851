import { ModelDirectoryError } from '../checkpoint/errors.js';
import { openWeights, type Weights } from '../checkpoint/open-weights.js';
import { chooseEngine, EngineUnavailableError, type EngineName } from '../engines/choose-engine.js';
import type { EmbeddingEngine } from '../engines/engine.js';
import { EngineFailedError } from '../engines/errors.js';
import { expectGolden } from '../engines/self-test.js';
import type { EnginePrecision } from '../graphs/graph-builder.js';
import { isTextHead } from '../heads/quality-head.js';
import { imageGraph, textGraph } from '../graphs/tower-graphs.js';
import { differencesFromManifest } from './manifest.js';
import { openModel, type OpenedModel } from './inspect-model.js';
import type { ClipModel } from './model-directory.js';

/** One thing that was looked at. `skipped`: there is nothing to look at. */
export interface ModelCheck {
  readonly what: 'description' | 'files' | 'heads' | 'weights' | 'engine' | 'golden';
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** What was found, a line for each problem. */
  readonly detail: string;
}

export interface VerifyOptions {
  readonly engine: EngineName | 'auto';
  readonly precision: EnginePrecision;
  /** Threads of the engine. */
  readonly threads: number;
}

/** Problems of weights that are told one by one. */
const MOST_PROBLEMS = 20;

/**
 * Tries everything that can be wrong with a model before anybody's scores depend on it: its files are read, every tensor that the towers
 * need is there with its shape and holds finite numbers, an engine starts on it, and its golden embeddings come out where it has some.
 * @returns what was looked at, in order, up to what the rest would need
 */
export async function verifyModel(directory: string, options: VerifyOptions): Promise<readonly ModelCheck[]> {
  const opened = await openModel(directory);
  if ('refusal' in opened) return [{ what: 'description', outcome: 'failed', detail: opened.refusal }];
  const { model } = opened;
  const described: ModelCheck = { what: 'description', outcome: 'passed', detail: `digest ${model.digest}` };
  const files = await checkFiles(model);
  const looked = [described, ...files, ...checkHeads(model)];
  if (looked.some(({ outcome }) => outcome === 'failed')) return looked;
  const weights: ModelCheck =
    opened.weights === null
      ? { what: 'weights', outcome: 'skipped', detail: 'the model has graphs and no weights' }
      : await checkWeights(model);
  if (weights.outcome === 'failed') return [...looked, weights];
  return [...looked, weights, ...(await checkEngine(opened, options))];
}

/** Nothing for a model without a manifest. */
async function checkFiles({ directory }: ClipModel): Promise<readonly ModelCheck[]> {
  const problems = await differencesFromManifest(directory);
  if (problems === null) return [];
  if (problems.length > 0) return [{ what: 'files', outcome: 'failed', detail: problems.join('\n') }];
  return [{ what: 'files', outcome: 'passed', detail: 'all are as manifest.json says' }];
}

/** Nothing for a model without trained heads; a model whose heads belong to other embeddings, or to none, was refused when it was read. */
function checkHeads({ heads }: ClipModel): readonly ModelCheck[] {
  if (heads.every(isTextHead)) return [];
  return [{ what: 'heads', outcome: 'passed', detail: 'all are bound to these embeddings' }];
}

async function checkWeights({ directory, description }: ClipModel): Promise<ModelCheck> {
  const weights = await openWeights(directory);
  try {
    const source = { description, weights, precision: 'f32' } as const;
    const constants = [imageGraph(source), textGraph(source)].flatMap(({ builder }) => builder.constants);
    const problems: string[] = [];
    for (const constant of constants) {
      const problem = await problemOf(constant.name, () => constant.read());
      if (problem !== null && !problems.includes(problem)) problems.push(problem);
    }
    if (problems.length === 0) return { what: 'weights', outcome: 'passed', detail: foundWeights(weights) };
    const more = problems.length - MOST_PROBLEMS;
    const told = [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])];
    return { what: 'weights', outcome: 'failed', detail: told.join('\n') };
  } finally {
    await weights.close();
  }
}

async function problemOf(name: string, read: () => Promise<Float32Array>): Promise<string | null> {
  try {
    const values = await read();
    const at = values.findIndex((value) => !Number.isFinite(value));
    return at === -1 ? null : `${name} holds ${values[at]}, expected finite numbers`;
  } catch (error) {
    if (error instanceof ModelDirectoryError) return error.message;
    throw error;
  }
}

function foundWeights({ size }: Weights): string {
  return `${size.parameters} numbers in ${size.types.join(' and ')}; all that the towers need are there and finite`;
}

async function checkEngine(opened: OpenedModel, options: VerifyOptions): Promise<readonly ModelCheck[]> {
  let engine: EmbeddingEngine | undefined;
  try {
    const { kind } = await chooseEngine(options.engine);
    engine = await kind.start(opened.model, { threads: options.threads, precision: options.precision });
    const started: ModelCheck = { what: 'engine', outcome: 'passed', detail: `${engine.name} gives unit vectors` };
    return [started, await checkGolden(engine, opened, options.precision)];
  } catch (error) {
    if (isExpected(error)) return [{ what: 'engine', outcome: 'failed', detail: error.message }];
    throw error;
  } finally {
    await engine?.close();
  }
}

async function checkGolden(
  engine: EmbeddingEngine,
  { model, golden }: OpenedModel,
  precision: EnginePrecision,
): Promise<ModelCheck> {
  if (golden === null) return { what: 'golden', outcome: 'skipped', detail: 'the model has no golden.json' };
  try {
    await expectGolden(engine, golden, model.description, precision);
    const { pictures, texts, source } = golden;
    const detail = `${pictures.length} pictures and ${texts.length} texts as computed by ${source}`;
    return { what: 'golden', outcome: 'passed', detail };
  } catch (error) {
    if (error instanceof EngineFailedError) return { what: 'golden', outcome: 'failed', detail: error.message };
    throw error;
  }
}

function isExpected(error: unknown): error is Error {
  return [ModelDirectoryError, EngineFailedError, EngineUnavailableError].some((kind) => error instanceof kind);
}
