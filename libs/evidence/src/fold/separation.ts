import type { DataOf } from '#libs/contracts';

/** How well the scorer tells a picture's own prompt from those of other pictures, over control's latest pictures. */
export interface Separation {
  /** The AUC of alignment; ½ is chance. */
  mean: number;
  /** Pictures that it rests on; an older one counts less and less. */
  pictures: number;
}

/** Pictures after which two thirds of what was before are forgotten. */
const MEMORY = 256;

export function initialSeparation(): Separation {
  return { mean: 0, pictures: 0 };
}

export function noteSeparation(of: Separation, { separation }: DataOf<'image.scored.v1'>): void {
  if (separation === undefined) return;
  of.pictures = Math.min(MEMORY, of.pictures + 1);
  of.mean += (separation - of.mean) / of.pictures;
}

export function mergeSeparation(a: Separation, b: Separation): Separation {
  const pictures = a.pictures + b.pictures;
  return { mean: pictures === 0 ? 0 : (a.mean * a.pictures + b.mean * b.pictures) / pictures, pictures };
}

/** Pictures before anything is said: the AUC of fifty is known to about ± 0.05. */
const FEWEST_PICTURES = 50;
/** A model that sees what prompts are about reaches 0.9 and more, one that doesn't 0.5; prompts that are much alike lie between. */
export const BLIND_BELOW = 0.65;

/** The AUC of a scorer that sees nothing of what the prompts are about; null: it does, or too little is known. */
export function blindAuc({ mean, pictures }: Separation): number | null {
  return pictures >= FEWEST_PICTURES && mean < BLIND_BELOW ? mean : null;
}
