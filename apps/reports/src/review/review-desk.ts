import { createHash, randomInt } from 'node:crypto';
import { z } from 'zod';
import { candidatesOf, comparedWith, topics } from '#libs/contracts';
import type { EventPublisher } from '#libs/messaging';
import type { FactReader, RecordedDefinition } from '#libs/persistence/reports';
import { ProblemException, type Clock } from '#libs/platform';
import type { PictureBytes, PictureGallery } from '../pictures/picture-gallery.js';
import { askedJudgements, type AskedJudgements } from './asked-judgements.js';
import { pairsToReview, type Review, type ReviewPair } from './pairs-to-review.js';
import { Seal } from './seal.js';

/** What is answered about one pair. */
export const judgementBody = z
  .strictObject({
    pair: z.string('is missing: the pair that was judged').min(1).max(20_000).describe('As the review has given it.'),
    preferred: z
      .enum(['left', 'right', 'tie'], 'expected left, right or tie')
      .describe('The better picture; `tie`: no difference.'),
    rater: z
      .string()
      .min(1)
      .max(200, 'expected at most 200 characters')
      .optional()
      .describe('Who judges; with `AUTH=off` only, and needed then. Otherwise it is whoever has the token.'),
  })
  .meta({ id: 'Judgement' });
export type JudgementBody = z.output<typeof judgementBody>;

/** Pairs that one person is to judge, without a word of which picture is whose. */
export interface BlindedReview {
  readonly experiment: string;
  readonly rater: string;
  /** Judgements of this person that are recorded. */
  readonly judged: number;
  /** Those, and the pairs that are left for them. */
  readonly of: number;
  /** The next stage that asks for judgements, whoever gives them; null where none does, or all that is asked for is given. */
  readonly asked: AskedJudgements | null;
  readonly pairs: readonly BlindedPair[];
}

export interface BlindedPair {
  /** The same for the same pair, as long as this process runs. */
  readonly id: string;
  /** Says what is judged, to this service alone; to be sent back with the judgement. */
  readonly pair: string;
  readonly prompt: string;
  readonly left: string;
  readonly right: string;
}

/** How many of the newest pictures are looked at, of the candidate and of control, which has more. */
const AMONG = { candidate: 500, control: 20_000 };

/** Hands out blinded pairs of pictures and takes what people prefer. */
export class ReviewDesk {
  private readonly seal = new Seal();

  constructor(
    private readonly facts: FactReader,
    private readonly gallery: Pick<PictureGallery, 'bytes'>,
    private readonly publisher: EventPublisher,
    private readonly clock: Clock,
  ) {}

  /** At most `limit` pairs that the rater has not judged, the sides of each drawn at random. */
  async review(definition: RecordedDefinition, rater: string, limit: number): Promise<BlindedReview> {
    const { experiment, revision, spec } = definition;
    const [{ judged, open }, analysis] = await Promise.all([
      this.open(definition, rater),
      this.facts.latestAnalysis(experiment, revision),
    ]);
    return {
      experiment,
      rater,
      judged,
      of: judged + open.length,
      asked: askedJudgements(spec, analysis),
      pairs: open.slice(0, limit).map((pair) => this.blinded(definition, pair)),
    };
  }

  /**
   * Publishes a judgement. Of one person, candidate and prompt the first one counts: sent again it has the same id.
   * @returns the event's id
   * @throws ProblemException 410 for a pair that another process has handed out
   */
  async judge(experiment: string, { pair, preferred }: Omit<JudgementBody, 'rater'>, rater: string): Promise<string> {
    const shown = this.seal.open(pair, shownPair);
    if (shown === undefined || shown.experiment !== experiment) throw handedOutElsewhere();
    const { revision, prompt, left, right } = shown;
    const judgedAtMs = this.clock.nowMs();
    const id = judgementId([experiment, String(revision), rater, prompt, ...[left.variant, right.variant].sort()]);
    const data = { ...shown, rater, preferred, judgedAt: new Date(judgedAtMs).toISOString() };
    await this.publisher.publish([
      { type: topics.preferenceJudged.name, id, timeMs: judgedAtMs, subject: experiment, data },
    ]);
    return id;
  }

  /** @throws ProblemException 404 where it was not handed out, or is gone */
  async picture(experiment: string, sealed: string): Promise<PictureBytes> {
    const shown = this.seal.open(sealed, shownPicture);
    if (shown?.experiment !== experiment) throw handedOutElsewhere();
    return this.gallery.bytes({ ...shown, imageIndex: 0 });
  }

  private async open({ experiment, revision, spec }: RecordedDefinition, rater: string): Promise<Review> {
    const control = comparedWith(spec);
    const candidates = candidatesOf(spec);
    const of = { experiment, revision };
    const [made, judgements] = await Promise.all([
      Promise.all(candidates.map((variant) => this.facts.reviewPictures({ ...of, variant, among: AMONG.candidate }))),
      this.facts.judged(experiment, revision),
    ]);
    const prompts = [...new Set(made.flat().map(({ prompt }) => prompt))];
    const ofControl =
      prompts.length === 0
        ? []
        : await this.facts.reviewPictures({ ...of, variant: control, among: AMONG.control, prompts });
    const ofCandidates = new Map(candidates.map((name, index) => [name, made[index] ?? []]));
    return pairsToReview({ control, ofControl, ofCandidates }, judgements, rater);
  }

  private blinded({ experiment, revision, spec }: RecordedDefinition, pair: ReviewPair): BlindedPair {
    const { candidate, prompt, ofControl, ofCandidate } = pair;
    const sides = [
      { variant: comparedWith(spec), generationId: ofControl },
      { variant: candidate, generationId: ofCandidate },
    ] as const;
    const [left, right] = randomInt(2) === 0 ? sides : [sides[1], sides[0]];
    const hrefOf = ({ generationId }: { readonly generationId: string }): string =>
      `/api/experiments/${encodeURIComponent(experiment)}/review/pictures/${this.seal.seal({ experiment, service: spec.service, generationId })}`;
    return {
      id: this.seal.nameOf(experiment, candidate, prompt),
      pair: this.seal.seal({ experiment, revision, prompt, left, right }),
      prompt,
      left: hrefOf(left),
      right: hrefOf(right),
    };
  }
}

const side = z.object({ variant: z.string(), generationId: z.string() });
const shownPair = z.object({ experiment: z.string(), revision: z.int(), prompt: z.string(), left: side, right: side });
const shownPicture = z.object({ experiment: z.string(), service: z.string(), generationId: z.string() });

/** Prompts may be long; ids are not. */
function judgementId(parts: readonly string[]): string {
  return `judgement:${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}

function handedOutElsewhere(): ProblemException {
  const detail = 'It was handed out by another process, or before this one was started anew: ask for the review again';
  return new ProblemException({ title: 'Not handed out here', status: 410, detail });
}
