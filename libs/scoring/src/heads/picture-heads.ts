import type { Similarity } from '../checkpoint/similarity.js';
import { embeddedRows } from '../engines/embedded-rows.js';
import type { EmbeddingEngine } from '../engines/engine.js';
import type { ClipModel } from '../model/model-directory.js';
import { cosine } from '../pictures/cosine.js';
import { normalisePrompt } from '../text/prompt.js';
import { applyHead, isTextHead, type NetworkHead, type TextHead } from './quality-head.js';
import { applyTextHead, textsOf } from './text-head.js';

/** What judges one embedding of a picture, by the name of each score. */
export type Judge = (embedding: Float32Array) => Readonly<Record<string, number>>;

interface EmbeddedTextHead {
  readonly head: TextHead;
  /** Of its texts, in their order. */
  readonly embeddings: readonly Float32Array[];
}

/** Every head that compares texts says its scale itself. */
const OF_ITS_OWN: Similarity = { kind: 'softmax', scale: 1 };

/** The heads of a model, with the embeddings of those texts that some of them compare pictures with. */
export class PictureHeads {
  private made: Promise<Judge> | null = null;

  constructor(
    private readonly model: ClipModel,
    private readonly engine: EmbeddingEngine,
  ) {}

  /** Embeds the texts once, with the first pictures. A failure is forgotten, so that the next pictures try again. */
  async judge(): Promise<Judge> {
    try {
      return await (this.made ??= this.make());
    } catch (error) {
      this.made = null;
      throw error;
    }
  }

  private async make(): Promise<Judge> {
    const { heads, similarity } = this.model;
    const trained = heads.filter((head): head is NetworkHead => !isTextHead(head));
    const compared = await this.embed(heads.filter(isTextHead));
    return (embedding) => {
      const quality: Record<string, number> = {};
      for (const head of trained) quality[head.name] = applyHead(head, embedding);
      for (const { head, embeddings } of compared) {
        const cosines = embeddings.map((text) => cosine(embedding, text));
        Object.assign(quality, applyTextHead(head, cosines, similarity ?? OF_ITS_OWN));
      }
      return quality;
    };
  }

  /** The texts stand for themselves: no template is put around them. */
  private async embed(heads: readonly TextHead[]): Promise<readonly EmbeddedTextHead[]> {
    const texts = heads.flatMap((head) => [...textsOf(head)]);
    if (texts.length === 0) return [];
    const ids = texts.map((text) => this.model.tokenizer.encode(normalisePrompt(text)).windows[0]);
    const rows = embeddedRows(await this.engine.embedTexts(ids), this.model.description.dimension).values();
    return heads.map((head) => ({ head, embeddings: textsOf(head).map(() => rows.next().value!) }));
  }
}
