/** Other prompts that a picture is compared with at most: enough for a share, and next to nothing beside embedding the picture. */
const MOST_OTHERS = 32;
/** Fewer tell nothing. */
const FEWEST_OTHERS = 4;

/** The prompts of the latest pictures with their embeddings, each once: what a picture's own prompt is held against. */
export class RecentTexts {
  private readonly texts = new Map<string, Float32Array>();

  note(prompt: string, embedding: Float32Array): void {
    this.texts.delete(prompt);
    this.texts.set(prompt, embedding);
    // One more than are compared: the picture's own is among them.
    if (this.texts.size > MOST_OTHERS + 1) this.texts.delete(this.texts.keys().next().value as string);
  }

  /**
   * Share of the other prompts that fit a picture worse than its own does, ties by half: over many pictures the AUC of alignment, ½ where the
   * model sees nothing of what prompts are about. Null with too few others.
   *
   * @param alignmentWith cosine of the picture and a text
   */
  separation(prompt: string, own: number, alignmentWith: (text: Float32Array) => number): number | null {
    let [worse, others] = [0, 0];
    for (const [other, embedding] of this.texts) {
      if (other === prompt) continue;
      const alignment = alignmentWith(embedding);
      others += 1;
      worse += alignment < own ? 1 : alignment === own ? 0.5 : 0;
    }
    return others < FEWEST_OTHERS ? null : worse / others;
  }
}
