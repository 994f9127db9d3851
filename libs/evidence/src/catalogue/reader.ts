import type { DataOf } from '#libs/contracts';
import type {
  DefinitionOf,
  EventFacts,
  JudgedElsewhere,
  LateData,
  MoreThan,
  Observed,
  RequestTopic,
} from './definition.js';

/** What an event says about a metric. */
export interface Reading {
  /** Of what is `more-than`, what the true value exceeds; of what is `unknown`, +∞. */
  readonly value: number;
  /** How much the event tells: the value, that it is larger, or nothing but that there is none. Only upper tails meet the last two. */
  readonly known: 'value' | 'more-than' | 'unknown';
  /** Of ratios; 1 for all others. */
  readonly denominator: number;
  /** The picture's embedding as it came (float16, base64), and the name of its unit; null for all metrics of numbers. */
  readonly picture: { readonly unit: string; readonly embedding: string } | null;
}

/**
 * Null: the event says nothing about the metric. What is read of a number is good until the reader is asked again: a reader has one answer, since
 * it is asked for every event.
 */
export type Reader<T extends RequestTopic> = (data: DataOf<T>, facts: EventFacts) => Reading | NoValue | null;

/** There is no value. `lost`: it will never come, and nothing can stand for it; or another metric judges the event. */
export type NoValue = 'lost' | JudgedElsewhere;

/** No measurement is larger; sums of their squares stay finite numbers. */
const LARGEST_VALUE = 1e100;

/** How a metric reads the events of its topic; a value that never came is replaced by what the metric's {@link LateData} says. */
export function readerOf<T extends RequestTopic>(definition: DefinitionOf<T>): Reader<T> {
  const { lateData } = definition;
  const answer = blankAnswer();
  switch (definition.kind) {
    case 'distribution':
    case 'diversity':
      return (data, facts) => {
        const embedding = definition.embedding(data, facts);
        if (embedding === null) return null;
        return { value: 1, known: 'value', denominator: 1, picture: { unit: data.assignment?.unit ?? '', embedding } };
      };
    case 'ratio':
      return (data, facts) => {
        const value = inTime(definition.observe(data, facts), lateData);
        const denominator = definition.denominator(data, facts);
        if (value !== null && isNoValue(value)) return value;
        if (value === null || denominator === null || Number.isNaN(denominator)) return null;
        return answered(answer, 'value', value, withinRange(denominator));
      };
    case 'upper-tail':
      return (data, facts) => {
        const observed = definition.observe(data, facts);
        if (observed === 'unknown') return answered(answer, 'unknown', Infinity, 1);
        if (isCensored(observed)) return answered(answer, 'more-than', withinRange(observed.moreThan), 1);
        return ofNumber(answer, inTime(observed, lateData));
      };
    default:
      return (data, facts) => ofNumber(answer, inTime(definition.observe(data, facts), lateData));
  }
}

type Answer = { -readonly [Key in keyof Reading]: Reading[Key] };

/** Fractions, so that the compiler takes these for numbers with a fraction from the start. */
function blankAnswer(): Answer {
  return { value: 0.5, known: 'value', denominator: 0.5, picture: null };
}

function answered(answer: Answer, known: Reading['known'], value: number, denominator: number): Reading {
  answer.value = value;
  answer.known = known;
  answer.denominator = denominator;
  return answer;
}

function ofNumber(answer: Answer, value: number | NoValue | null): Reading | NoValue | null {
  return value === null || isNoValue(value) ? value : answered(answer, 'value', value, 1);
}

/** Whether there is no value although the event is about the metric. */
export function isNoValue(reading: Reading | NoValue | number): reading is NoValue {
  return reading === 'lost' || (typeof reading === 'object' && 'judgedBy' in reading);
}

/** What a client did not wait for never came, for whoever can't make anything of how long it waited. */
function inTime(observed: Observed, rule: LateData): number | NoValue | null {
  if (observed === 'never-came') return rule === 'infinite' ? Infinity : 'lost';
  if (isCensored(observed)) return 'lost';
  if (typeof observed === 'object' && observed !== null) return observed;
  return observed === null || observed === 'unknown' || Number.isNaN(observed) ? null : withinRange(observed);
}

function isCensored(observed: Observed): observed is MoreThan {
  return typeof observed === 'object' && observed !== null && 'moreThan' in observed;
}

export function withinRange(value: number): number {
  if (Math.abs(value) <= LARGEST_VALUE || value === Infinity) return value;
  return Math.sign(value) * LARGEST_VALUE;
}
