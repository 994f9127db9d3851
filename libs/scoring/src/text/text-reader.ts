import { createHash } from 'node:crypto';
import { isFiniteRow, embeddedRows, type Unscorable } from '../engines/embedded-rows.js';
import type { EmbeddingEngine } from '../engines/engine.js';
import { engineGatherer } from '../engines/engine-gatherer.js';
import type { Gatherer } from '../engines/gatherer.js';
import type { ClipModel } from '../model/model-directory.js';
import { cosine } from '../pictures/cosine.js';
import { SharedReads } from '../shared-reads.js';
import { fillTemplate, normalisePrompt } from './prompt.js';
import { RecentTexts } from './recent-texts.js';
import { REFERENCE_PROMPTS } from './reference-prompts.js';

/** What is known of a prompt once the model has read it. */
export interface SeenText {
  /** L2-normalised. */
  readonly embedding: Float32Array;
  /** It is longer than what can be read of it. */
  readonly truncated: boolean;
  /** In so many parts it was read. */
  readonly windows: number;
  /** Share of its tokens that stand for words which the model does not know. */
  readonly unknownShare: number;
  /** Index of the nearest of {@link REFERENCE_PROMPTS}. */
  readonly promptClass: number;
}

export interface TextReaderParts {
  readonly engine: EmbeddingEngine;
  readonly model: ClipModel;
  /** Texts that are kept. */
  readonly cacheSize: number;
  /** Largest batch of the engine. */
  readonly mostPerBatch: number;
}

/** Turns prompts into embeddings, in batches of those that come at the same time. */
export class TextReader {
  private readonly texts: SharedReads<SeenText, Unscorable>;
  private readonly windows: Gatherer<Int32Array, Float32Array>;
  private readonly recent = new RecentTexts();
  private references: Promise<readonly Float32Array[]> | null = null;

  constructor(private readonly parts: TextReaderParts) {
    const { engine, model } = parts;
    this.texts = new SharedReads(parts.cacheSize);
    this.windows = engineGatherer(engine, {
      most: parts.mostPerBatch,
      compute: async (ids) => embeddedRows(await engine.embedTexts(ids), model.description.dimension),
      moreComing: () => false,
    });
  }

  /** @param prompt as `readPrompt` leaves it */
  async read(prompt: string): Promise<SeenText | Unscorable> {
    const key = createHash('sha256').update(prompt).digest('hex');
    const text = await this.texts.read(key, () => this.look(prompt));
    if ('embedding' in text && prompt !== '') this.recent.note(prompt, text.embedding);
    return text;
  }

  /** See {@link RecentTexts}. */
  separation(prompt: string, own: number, alignmentWith: (text: Float32Array) => number): number | null {
    return this.recent.separation(prompt, own, alignmentWith);
  }

  private async look(prompt: string): Promise<SeenText | Unscorable> {
    const { tokenizer, promptTemplate, description } = this.parts.model;
    const { windows, tokenCounts, truncated, unknownShare } = tokenizer.encode(fillTemplate(promptTemplate, prompt));
    const { vocabulary } = description.text;
    const unknown = windows.flatMap((ids) => [...ids]).find((id) => id >= vocabulary);
    if (unknown !== undefined) return { outcome: 'unscorable', reason: unknownToken(unknown, vocabulary) };
    const references = await (this.references ??= this.embedReferences());
    const rows = await Promise.all(windows.map((ids) => this.windows.add(ids)));
    const embedding = meanDirection(rows.map((row, index) => ({ embedding: row, tokens: tokenCounts[index]! })));
    if (!isFiniteRow(embedding)) {
      return { outcome: 'unscorable', reason: 'the model gives no embedding of length 1 for the prompt' };
    }
    const promptClass = nearestTo(embedding, references);
    return { embedding, truncated, windows: windows.length, unknownShare, promptClass };
  }

  /** Once, with the first texts. A failure is forgotten, so that the next texts try again. */
  private async embedReferences(): Promise<readonly Float32Array[]> {
    const { model, engine } = this.parts;
    try {
      const ids = REFERENCE_PROMPTS.map((prompt) => {
        const text = fillTemplate(model.promptTemplate, normalisePrompt(prompt));
        return model.tokenizer.encode(text).windows[0];
      });
      return embeddedRows(await engine.embedTexts(ids), model.description.dimension);
    } catch (error) {
      this.references = null;
      throw error;
    }
  }
}

function unknownToken(id: number, vocabulary: number): string {
  return `the tokenizer gives the prompt a token ${id}, the model knows those below ${vocabulary}: tokenizer and weights are not of one model`;
}

/** Of unit vectors, weighted by the tokens that each stands for; a single one stays as it is, bit for bit. */
function meanDirection(parts: readonly { readonly embedding: Float32Array; readonly tokens: number }[]): Float32Array {
  const [first, ...others] = parts;
  if (others.length === 0) return first!.embedding;
  const sum = new Float32Array(first!.embedding.length);
  for (const { embedding, tokens } of parts) {
    for (let at = 0; at < sum.length; at += 1) sum[at]! += tokens * embedding[at]!;
  }
  const length = Math.hypot(...sum);
  return sum.map((value) => value / length);
}

function nearestTo(embedding: Float32Array, references: readonly Float32Array[]): number {
  const cosines = references.map((reference) => cosine(embedding, reference));
  return cosines.indexOf(Math.max(...cosines));
}
