/**
 * Answers to "which of these two pictures is better?", from the candidate's side. Which one is shown on the left has to be drawn at
 * random for every question, or a habit of raters counts as a preference.
 */
export interface Votes {
  readonly wins: number;
  readonly losses: number;
  /** "No difference": kept for the report, they decide nothing. */
  readonly ties: number;
}

export type Vote = 'candidate' | 'control' | 'tie';

export const noVotes: Votes = { wins: 0, losses: 0, ties: 0 };

export function addVote(votes: Votes, vote: Vote): Votes {
  switch (vote) {
    case 'candidate':
      return { ...votes, wins: votes.wins + 1 };
    case 'control':
      return { ...votes, losses: votes.losses + 1 };
    case 'tie':
      return { ...votes, ties: votes.ties + 1 };
    default:
      return vote satisfies never;
  }
}

/** The votes of two disjoint parts. Integers: exact, in any order. */
export function mergeVotes(a: Votes, b: Votes): Votes {
  return { wins: a.wins + b.wins, losses: a.losses + b.losses, ties: a.ties + b.ties };
}

/** All votes, "no difference" included. */
export function countOfVotes({ wins, losses, ties }: Votes): number {
  return wins + losses + ties;
}

/** The same votes from control's side. */
export function swapVotes({ wins, losses, ties }: Votes): Votes {
  return { wins: losses, losses: wins, ties };
}

/**
 * What a vote counts once under: a rater who judges the same prompt again (other seeds, the sides swapped) says the same thing
 * again, not something new. Keep the first vote of each key. Different pairs of texts have different keys, whatever they hold.
 */
export function voteKey(rater: string, prompt: string): string {
  return JSON.stringify([rater, prompt]);
}

/** Throws unless both are counts. */
export function expectCounts(wins: number, losses: number): void {
  for (const count of [wins, losses]) {
    if (!Number.isInteger(count) || count < 0) throw new RangeError(`${count} votes: expected an integer from 0 on`);
  }
}
