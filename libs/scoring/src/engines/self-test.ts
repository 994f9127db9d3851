import type { CheckpointDescription } from '../checkpoint/description.js';
import type { EnginePrecision } from '../graphs/graph-builder.js';
import type { EmbeddingEngine } from './engine.js';
import { goldenPixels, LOWEST_GOLDEN_COSINE, type GoldenEmbeddings } from './golden.js';
import { EngineFailedError } from './errors.js';

/**
 * Embeds what the golden embeddings were computed of. A driver, a compiler or a file that is not what it should be is noticed here and
 * not in somebody's scores.
 * @throws EngineFailedError when an embedding points elsewhere than its golden one
 */
export async function expectGolden(
  engine: EmbeddingEngine,
  golden: GoldenEmbeddings,
  { image }: Pick<CheckpointDescription, 'image'>,
  precision: EnginePrecision,
): Promise<void> {
  const count = golden.pictures.length;
  const pictures = await engine.embedImages(goldenPixels(count, image.side), count);
  const texts = await engine.embedTexts(golden.texts.map(({ ids }) => Int32Array.from(ids)));
  expectNear(engine.name, 'picture', {
    rows: pictures,
    golden: golden.pictures,
    lowest: LOWEST_GOLDEN_COSINE[precision],
  });
  const expected = golden.texts.map(({ embedding }) => embedding);
  expectNear(engine.name, 'text', { rows: texts, golden: expected, lowest: LOWEST_GOLDEN_COSINE[precision] });
}

function expectNear(
  engine: string,
  what: string,
  {
    rows,
    golden,
    lowest,
  }: { readonly rows: Float32Array; readonly golden: readonly (readonly number[])[]; readonly lowest: number },
): void {
  golden.forEach((expected, row) => {
    const from = row * expected.length;
    const cosine = expected.reduce((sum, value, at) => sum + value * rows[from + at]!, 0);
    // NaN is below everything.
    if (!(cosine >= lowest)) {
      throw new EngineFailedError(
        `${engine} computes wrongly: its embedding of golden ${what} ${row} has cosine ${cosine} to the one in golden.json, expected at least ${lowest}`,
      );
    }
  });
}
