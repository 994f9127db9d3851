import type { ActiveState } from '../state.js';
import { isInShadow } from '../state.js';
import { stageWeightPpm } from '../allocation.js';
import type { ShadowOutlook } from '../shadow-outlook.js';
import { duration, number, percent } from './numbers.js';

/** Where a revision stands: "in the shadow", "at 5 %". */
export function whereInWords(state: ActiveState): string {
  return isInShadow(state) ? 'in the shadow' : `at ${percent(stageWeightPpm(state.spec, state.stage))}`;
}

/** What holds while a revision is held. */
export function meanwhile(state: ActiveState): string {
  return isInShadow(state) ? `${state.spec.control} serves everybody as before` : 'The shares stay as they are';
}

export function goesOnInWords(state: ActiveState): string {
  return isInShadow(state) ? 'The shadow goes on.' : `The ramp goes on ${whereInWords(state)}.`;
}

/** "Shadow: 212 of 350 pairs, about 5 min to go at the present pace. By them 5 % may be served; latency-p95 allows least." */
export function shadowInWords({ pairs, wanted, found, ms }: ShadowOutlook): string {
  const pace = ms === null || pairs >= wanted ? '' : `, about ${duration(ms)} to go at the present pace`;
  const lost = found.map(lostInWords).join('');
  return `Shadow: ${number(pairs)} of ${number(wanted)} pairs${pace}.${lost}${found.map(allowedInWords).join('')}`;
}

/** The deadline comes first, with what helps. */
export function shadowTooLateMessage(outlook: ShadowOutlook, leftMs: number): string {
  return `The shadow will not be done before the deadline, which is in ${duration(leftMs)}: ${number(outlook.pairs)} of ${number(outlook.wanted)} pairs are there. What helps, as a new revision: a larger rate or concurrency, fewer pairs, or a longer deadline. Of a user and a prompt one pair counts.`;
}

function allowedInWords({ n, allowsPpm, hardest }: ShadowOutlook['found'][number]): string {
  if (n === 0) return '';
  const least = hardest === null ? '' : `; ${hardest} allows least`;
  return allowsPpm === 0 ? ` They prove nothing yet${least}.` : ` By them ${percent(allowsPpm)} may be served${least}.`;
}

/** What was copied and is no pair: it says why there are fewer than the rate makes one expect. */
function lostInWords({ halves, withdrawn, repeated }: ShadowOutlook['found'][number]): string {
  const parts = [
    ...(halves.control > 0 ? [`${number(halves.control)} copies never ended`] : []),
    ...(halves.candidate > 0 ? [`of ${number(halves.candidate)} copies the original is not known`] : []),
    ...(withdrawn > 0 ? [`${number(withdrawn)} were given up`] : []),
    ...(repeated > 0 ? [`${number(repeated)} repeat the prompt of a user that has a pair`] : []),
  ];
  return parts.length === 0 ? '' : ` No pairs: ${parts.join(', ')}.`;
}
