import type { RecordedJudgement, ReviewPicture } from '#libs/persistence/reports';

/** Two pictures of one prompt, one of control and one of a candidate. */
export interface ReviewPair {
  readonly candidate: string;
  readonly prompt: string;
  readonly ofControl: string;
  readonly ofCandidate: string;
}

export interface PicturesToReview {
  readonly control: string;
  readonly ofControl: readonly ReviewPicture[];
  /** By candidate. */
  readonly ofCandidates: ReadonlyMap<string, readonly ReviewPicture[]>;
}

/** What one person may still judge. */
export interface Review {
  /** How many prompts they have judged, of each candidate. */
  readonly judged: number;
  /** One pair of each candidate and prompt that they have not judged. */
  readonly open: readonly ReviewPair[];
}

/**
 * The pairs that a person has not judged yet: of one seed where there are such (shadow traffic makes them), else any two of the same prompt, the
 * newest. Those come first that the fewest people have judged: votes of several people on one pair say less than votes on several pairs.
 */
export function pairsToReview(
  { control, ofControl, ofCandidates }: PicturesToReview,
  judgements: readonly RecordedJudgement[],
  rater: string,
): Review {
  const controlByPrompt = byPrompt(ofControl);
  const judgedBy = ratersOf(judgements, control);
  const all = [...ofCandidates].flatMap(([candidate, pictures]) =>
    [...byPrompt(pictures)].flatMap(([prompt, made]) => {
      const pair = closest(controlByPrompt.get(prompt) ?? [], made);
      return pair === undefined ? [] : [{ candidate, prompt, ...pair }];
    }),
  );
  const ratersOfPair = ({ candidate, prompt }: ReviewPair): ReadonlySet<string> =>
    judgedBy.get(pairKey(candidate, prompt)) ?? new Set();
  return {
    judged: [...judgedBy.values()].filter((raters) => raters.has(rater)).length,
    open: all
      .filter((pair) => !ratersOfPair(pair).has(rater))
      .sort((a, b) => ratersOfPair(a).size - ratersOfPair(b).size),
  };
}

/** Bytes as JSON. Nobody reads a longer one, and what a judgement sends back would be too long to be taken. */
const LONGEST_PROMPT = 10_000;

/** Newest first, as the pictures are. */
function byPrompt(pictures: readonly ReviewPicture[]): ReadonlyMap<string, readonly ReviewPicture[]> {
  const found = new Map<string, ReviewPicture[]>();
  for (const picture of pictures) {
    if (Buffer.byteLength(JSON.stringify(picture.prompt)) > LONGEST_PROMPT) continue;
    const known = found.get(picture.prompt);
    if (known) known.push(picture);
    else found.set(picture.prompt, [picture]);
  }
  return found;
}

function closest(
  ofControl: readonly ReviewPicture[],
  ofCandidate: readonly ReviewPicture[],
): Pick<ReviewPair, 'ofControl' | 'ofCandidate'> | undefined {
  const bySeed = new Map(
    ofControl.toReversed().flatMap((one) => (one.seed === null ? [] : [[one.seed, one] as const])),
  );
  const candidate = ofCandidate.find(({ seed }) => seed !== null && bySeed.has(seed)) ?? ofCandidate[0];
  const control = bySeed.get(candidate?.seed ?? '') ?? ofControl[0];
  if (candidate === undefined || control === undefined) return undefined;
  return { ofControl: control.generationId, ofCandidate: candidate.generationId };
}

/** Who has judged what, by candidate and prompt. */
function ratersOf(judgements: readonly RecordedJudgement[], control: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { rater, prompt, leftVariant, rightVariant } of judgements) {
    const key = pairKey(leftVariant === control ? rightVariant : leftVariant, prompt);
    found.set(key, (found.get(key) ?? new Set()).add(rater));
  }
  return found;
}

function pairKey(candidate: string, prompt: string): string {
  return JSON.stringify([candidate, prompt]);
}
