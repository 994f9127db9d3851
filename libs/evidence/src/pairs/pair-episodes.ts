import { type EpisodeRule, type Episodes, isLeftOut, noteBadEvent } from '../kinds/episodes.js';

/**
 * Whether harm is judged by a pair; called once for each pair of the metric. One stall of the candidate's pod makes many of its sides slow
 * or fail, while control's are spread over many pods: a pair that is bad on the candidate's side alone begins an episode, as a bad event of the smaller
 * variant does elsewhere, and what lies within one is left out. Of pairs every second side is the candidate's.
 */
export function judgesHarm(
  episodes: Episodes,
  rule: EpisodeRule,
  {
    isControlBad,
    isCandidateBad,
    atMs,
  }: { readonly isControlBad: boolean; readonly isCandidateBad: boolean; readonly atMs: number },
): boolean {
  const side = { arm: 'candidate', propensity: 0.5, atMs } as const;
  if (isLeftOut(episodes, rule, side)) return false;
  if (isCandidateBad && !isControlBad) noteBadEvent(episodes, rule, side);
  return true;
}
