import { decodeEmbedding } from '#libs/contracts';
import type { EmbeddedPicture } from '#libs/persistence/reports';
import { pictureAddress } from './picture-address.js';

/** Control's and a candidate's picture of one prompt, of the same seed where there are such. */
export interface PicturePair {
  readonly prompt: string;
  /** Cosine of the two embeddings: 1 for pictures that the model can't tell apart. */
  readonly likeness: number;
  readonly isSameSeed: boolean;
  readonly control: ComparedPicture;
  readonly candidate: ComparedPicture;
}

export interface ComparedPicture extends Pick<EmbeddedPicture, 'generationId' | 'imageIndex'> {
  /** Where the bytes are served. */
  readonly href: string;
}

/** How a candidate's pictures differ from control's of the same prompts. */
export interface VariantLikeness {
  /** Prompts that both have a picture of. */
  readonly prompts: number;
  /** Median over the prompts; null without any. */
  readonly medianLikeness: number | null;
  readonly leastAlike: readonly PicturePair[];
  readonly mostAlike: readonly PicturePair[];
}

/**
 * One pair of each prompt that both variants painted: of one seed where both have it, else of their newest pictures. Embeddings of different
 * scorers are never compared.
 *
 * @param limit pairs in each list
 */
export function likenessOf(
  control: readonly EmbeddedPicture[],
  candidate: readonly EmbeddedPicture[],
  limit: number,
): VariantLikeness {
  const ofControl = byPrompt(control);
  const pairs = [...byPrompt(candidate)]
    .flatMap(([prompt, pictures]) => pairOf(prompt, ofControl.get(prompt) ?? [], pictures))
    .sort((left, right) => left.likeness - right.likeness);
  const middle = pairs[(pairs.length - 1) >> 1];
  return {
    prompts: pairs.length,
    medianLikeness: middle?.likeness ?? null,
    leastAlike: pairs.slice(0, limit),
    mostAlike: pairs.toReversed().slice(0, limit),
  };
}

function byPrompt(pictures: readonly EmbeddedPicture[]): ReadonlyMap<string, readonly EmbeddedPicture[]> {
  const found = new Map<string, EmbeddedPicture[]>();
  for (const picture of pictures) {
    const same = found.get(picture.prompt);
    if (same === undefined) found.set(picture.prompt, [picture]);
    else same.push(picture);
  }
  return found;
}

function pairOf(
  prompt: string,
  control: readonly EmbeddedPicture[],
  candidate: readonly EmbeddedPicture[],
): readonly PicturePair[] {
  const ofOneSeed = newestPair(control, candidate, ({ identity, seed }) => seed !== null && `${seed} ${identity}`);
  const chosen = ofOneSeed ?? newestPair(control, candidate, ({ identity }) => identity);
  const likeness = chosen && cosineOf(chosen.other.embedding, chosen.picture.embedding);
  if (chosen === undefined || likeness === undefined) return [];
  return [
    {
      prompt,
      likeness,
      isSameSeed: chosen === ofOneSeed,
      control: shownOf(chosen.other),
      candidate: shownOf(chosen.picture),
    },
  ];
}

/** The candidate's newest picture that control has one with the same key for, and the newest such one: of one prompt both may have thousands. */
function newestPair(
  control: readonly EmbeddedPicture[],
  candidate: readonly EmbeddedPicture[],
  keyOf: (picture: EmbeddedPicture) => string | false,
): { readonly picture: EmbeddedPicture; readonly other: EmbeddedPicture } | undefined {
  const newest = new Map(control.toReversed().map((other) => [keyOf(other), other]));
  newest.delete(false);
  for (const picture of candidate) {
    const other = newest.get(keyOf(picture));
    if (other !== undefined) return { picture, other };
  }
  return undefined;
}

function shownOf(picture: EmbeddedPicture): ComparedPicture {
  const { generationId, imageIndex } = picture;
  return { generationId, imageIndex, href: pictureAddress(picture) };
}

/** Of unit vectors in half precision, kept in [−1, 1] against rounding; undefined for what is none or has another length. */
function cosineOf(left: string, right: string): number | undefined {
  const [one, other] = [decodeEmbedding(left), decodeEmbedding(right)];
  if (one === null || other === null || one.length !== other.length) return undefined;
  const product = one.reduce((sum, value, index) => sum + value * other[index]!, 0);
  return Math.min(1, Math.max(-1, product));
}
