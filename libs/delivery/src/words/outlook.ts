import type { ExperimentSpec } from '#libs/contracts';
import type { Outlook } from '../outlook.js';
import { duration, number, percentOf } from './numbers.js';

/** What is still to come, where nothing is wrong with it. */
export function outlookInWords(outlook: Outlook, spec: ExperimentSpec): string {
  if (!Number.isFinite(outlook.units))
    return `At these margins an equal candidate is never promoted${hardestOf(outlook)}.`;
  return `An equal candidate is promoted after ${outlook.unknown.length > 0 ? 'at least' : 'about'} ${roughly(outlook.units)} more new ${spec.unit}s${hardestOf(outlook)}${requestsOf(outlook)}.`;
}

/** "Few new users: …", with how long it takes and what helps. */
export function fewNewUnitsMessage(outlook: Outlook, spec: ExperimentSpec, leftMs: number): string {
  const { recent, requests } = outlook;
  const share = recent.newUnits / recent.requests;
  const seen = `of the last ${number(recent.requests)} requests ${percentOf(share)} came from new ${spec.unit}s, and only those are new evidence`;
  const subject = recent.newUnits === 0 ? `No new ${spec.unit}s come any more` : `Few new ${spec.unit}s`;
  const takes = Number.isFinite(requests)
    ? `${outlookInWords(outlook, spec)} ${deadline(leftMs)}`
    : 'Nothing more can be proven of an equal candidate.';
  const smaller = spec.unit === 'user' ? ['unit: session or unit: request'] : ['unit: request'];
  return `${subject}: ${seen}. ${takes} ${whatHelps([...smaller, ...ofTheFile(outlook)])}`;
}

/** "The proof will not be done before the deadline: …", with what helps. */
export function tooLateMessage(outlook: Outlook, spec: ExperimentSpec, leftMs: number): string {
  const subject = 'The proof will not be done before the deadline';
  const more = ofTheFile(outlook);
  return `${subject}. ${outlookInWords(outlook, spec)} ${deadline(leftMs)} ${whatHelps(more)}`;
}

function ofTheFile({ hardest, units }: Outlook): readonly string[] {
  const margin = hardest === null ? 'wider margins' : `a wider margin for ${hardest}`;
  return Number.isFinite(units) ? [margin, 'a larger first share', 'a longer deadline'] : [margin];
}

function whatHelps(what: readonly string[]): string {
  return `What helps, as a new revision: ${what.slice(0, -1).join(', ')}${what.length > 1 ? ' or ' : ''}${what.at(-1)}.`;
}

function hardestOf({ hardest, unknown }: Outlook): string {
  const parts = [
    ...(hardest === null ? [] : [`${hardest} takes longest`]),
    ...(unknown.length === 0 ? [] : [`of ${unknown.join(', ')} too little is known yet`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

/** How many requests that are, and how long it takes; left out where it is the same figure again. */
function requestsOf({ requests, units, ms }: Outlook): string {
  const parts = [
    ...(requests > 1.1 * units ? [`at least ${roughly(requests)} requests`] : []),
    ...(ms === null ? [] : [`${duration(ms)} at the present rate`]),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

/** A forecast has two digits at best. */
function roughly(value: number): string {
  return number(Number(value.toPrecision(2)));
}

function deadline(leftMs: number): string {
  return `The deadline is in ${duration(leftMs)}.`;
}
