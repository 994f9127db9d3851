import { logMeanExp } from '../distributions/log-space.js';
import { lnEMoreOften, type Tilt } from './tilt.js';

/** The far tail is so much of the tail: with a tail of one in fifty, one in five hundred. */
export const FAR_TAIL_SHARE = 0.1;

/**
 * Grid of tilts for the far tail. What a fault puts there is many times as frequent as control's values, or not more frequent at all:
 * small factors are the near tail's to find.
 */
export const FAR_TILTS: readonly number[] = [1, 2, 3, 4];

/**
 * ln E against "the candidate's values are at most e^boundary times as often in the tail as control's, and at most e^boundary times as often
 * in its far end". A value far beyond everything that control gave lately says more than one just inside its tail; one limit
 * makes both the same event.
 *
 * The mean of two e-processes in one filtration is one, whatever their dependence (Vovk & Wang, Ann. Statist. 49, 2021, prop. 3.1); so
 * the sum is never less than half the better one: looking at both ends costs ln 2 at most.
 * @param near events beyond the tail's limit, those of the far end among them.
 * @param far events beyond the limit of {@link FAR_TAIL_SHARE} of it.
 */
export function lnETailMoreOften(near: Tilt, far: Tilt, boundary: number): number {
  return logMeanExp([lnEMoreOften(near, boundary), lnEMoreOften(far, boundary, FAR_TILTS)]);
}
