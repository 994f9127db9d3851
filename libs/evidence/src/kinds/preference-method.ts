import {
  addVote,
  lnEHarmfulPreference,
  lnENonInferiorPreference,
  mergeVotes,
  noVotes,
  type Vote,
  type Votes,
  winRate,
  winRateInterval,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import type { Method } from './method.js';

/** A margin of a win rate is below a half: what is worse than that can't be allowed, nor anything be proven about it. */
const LARGEST_MARGIN = 0.49;

/** What raters prefer, judged by the sign e-process on votes that name a winner; one vote per rater and prompt. */
export interface PreferenceState {
  readonly kind: 'preference';
  votes: Votes;
  /** All judgements, repeated ones included. */
  judgements: number;
}

type EncodedPreference = Omit<PreferenceState, 'kind'>;

/** A vote as the value of an observation. */
export const VOTE_VALUES = { candidate: 1, tie: 0.5, control: 0 } as const satisfies Record<Vote, number>;

export const preferenceMethod: Method<PreferenceState> = {
  initial: () => ({ kind: 'preference', votes: noVotes, judgements: 0 }),

  observe(state, _metric, { value, isFirst }) {
    state.judgements += 1;
    if (isFirst) state.votes = addVote(state.votes, voteOf(value));
  },

  merge: (a, b) => ({
    kind: 'preference',
    votes: mergeVotes(a.votes, b.votes),
    judgements: a.judgements + b.judgements,
  }),

  judge({ votes, judgements }, { test }, { alpha }) {
    const rate = winRate(votes);
    const around = winRateInterval(votes, alpha);
    const decided = votes.wins + votes.losses;
    const reason = rate !== null ? null : votes.ties > 0 ? 'not-enough-data' : 'no-data';
    const base = {
      estimates: {
        control: rate === null ? null : votes.losses / decided,
        candidate: rate,
        // Exactly opposite when the variants are exchanged.
        effect: rate === null ? null : (votes.wins - votes.losses) / (2 * decided),
        interval: around && { low: around.low - 0.5, high: around.high - 0.5 },
        noEffect: reason,
        noInterval: reason,
      } as const,
      // Every vote is about both variants.
      units: { control: decided, candidate: decided },
      events: { control: judgements, candidate: judgements },
      shift: null,
    };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (decided === 0) return { ...base, tests: null, missing: 'no-data' };
    return {
      ...base,
      tests: {
        margin: ofWinRate(test.margin),
        harmful: lnEHarmfulPreference(votes, ofWinRate(test.harmBeyond)),
        nonInferior: lnENonInferiorPreference(votes, ofWinRate(test.margin)),
        superior: lnENonInferiorPreference(votes, 0),
        budget: test.budget.map(({ sharePpm, margin }) => ({
          sharePpm,
          margin: ofWinRate(margin),
          lnENonInferior: lnENonInferiorPreference(votes, ofWinRate(margin)),
        })),
      },
      missing: null,
    };
  },

  tuning: () => null,

  encode: ({ votes, judgements }): EncodedPreference => ({ votes: { ...votes }, judgements }),

  decode: ({ votes, judgements }: EncodedPreference) => ({ kind: 'preference', votes: { ...votes }, judgements }),
};

/** A relative margin is a share of the half that "no preference" is. */
export function ofWinRate({ kind, value, floor = 0 }: Margin): number {
  return Math.min(LARGEST_MARGIN, kind === 'relative' ? Math.max(value / 2, floor) : value);
}

function voteOf(value: number): Vote {
  return value === VOTE_VALUES.candidate ? 'candidate' : value === VOTE_VALUES.control ? 'control' : 'tie';
}
