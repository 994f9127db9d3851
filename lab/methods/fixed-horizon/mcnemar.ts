import { binomialLowerTail } from '../distributions/binomial.js';
import { type Alternative, normalP } from './alternative.js';
import { assertCount } from './proportion.js';
import type { Refused } from './refusal.js';

/** Pairs whose two answers differ: `firstOnly` had the event in the first arm alone, `secondOnly` in the second alone. */
export interface DiscordantPairs {
  readonly firstOnly: number;
  readonly secondOnly: number;
}

export interface McNemarOptions {
  /** `greater`: the event is more frequent in the first arm. Default: two-sided. */
  readonly alternative?: Alternative;
  /** Default exact. */
  readonly method?: 'exact' | 'asymptotic';
  /** Whether the asymptotic test moves the difference one step towards 0 (Edwards 1948). Default true. */
  readonly continuity?: boolean;
}

/** Which method gave the p-value is always said. */
export type McNemarResult =
  | { readonly method: 'exact'; readonly discordant: number; readonly p: number }
  | {
      readonly method: 'asymptotic';
      readonly continuity: boolean;
      readonly discordant: number;
      /** (firstOnly − secondOnly) / √discordant, corrected if asked for; its square is McNemar's χ² with one degree of freedom. */
      readonly statistic: number;
      readonly p: number;
    };

/**
 * McNemar's test: is an event as frequent in both arms, seen on the same prompts and seeds? Only pairs that differ speak.
 *
 * Source: McNemar, Psychometrika 12 (1947); exact: the binomial test of the discordant pairs with probability ½, two-sided by
 * twice the smaller tail. The exact test keeps its level at any size and rejects less often than α; the asymptotic one without
 * correction is closer to α and may exceed it.
 * Assumptions: independent pairs, one look at a number of pairs fixed beforehand. Refuses without discordant pairs.
 */
export function mcnemarTest(
  { firstOnly, secondOnly }: DiscordantPairs,
  options: McNemarOptions = {},
): McNemarResult | Refused<'no-discordant-pairs'> {
  const { alternative = 'two-sided', method = 'exact', continuity = true } = options;
  assertCount('firstOnly', firstOnly);
  assertCount('secondOnly', secondOnly);
  const discordant = firstOnly + secondOnly;
  if (discordant === 0) return { refused: 'no-discordant-pairs' };
  switch (method) {
    case 'exact':
      return { method, discordant, p: signTestP(firstOnly, secondOnly, alternative) };
    case 'asymptotic': {
      const difference = firstOnly - secondOnly;
      const statistic = (difference - (continuity ? correction(difference, alternative) : 0)) / Math.sqrt(discordant);
      return { method, continuity, discordant, statistic, p: normalP(statistic, alternative) };
    }
    default:
      return method satisfies never;
  }
}

/** P(at most k of n) at probability ½; the upper tails are the lower tails of the other count. */
function signTestP(firstOnly: number, secondOnly: number, alternative: Alternative): number {
  const atMost = (count: number): number => binomialLowerTail(count, firstOnly + secondOnly, 0.5);
  switch (alternative) {
    case 'two-sided':
      return Math.min(1, 2 * atMost(Math.min(firstOnly, secondOnly)));
    case 'greater':
      return atMost(secondOnly);
    case 'less':
      return atMost(firstOnly);
    default:
      return alternative satisfies never;
  }
}

/** One step (the difference moves by two when a pair changes sides) towards 0; two-sided never beyond it. */
function correction(difference: number, alternative: Alternative): number {
  switch (alternative) {
    case 'two-sided':
      return Math.sign(difference) * Math.min(1, Math.abs(difference));
    case 'greater':
      return 1;
    case 'less':
      return -1;
    default:
      return alternative satisfies never;
  }
}
