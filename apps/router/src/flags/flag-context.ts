import type { Attributes } from '#libs/assignment';
import { isNameless, parsedJson, unstorableIn } from '#libs/contracts';
import { jsonMembers, type Fields } from '../proxy/json-fields.js';
import { boundedUnit } from '../proxy/request-headers.js';

/** Why an evaluation fails, in OpenFeature's words. */
export type FlagErrorCode = 'PARSE_ERROR' | 'TARGETING_KEY_MISSING' | 'INVALID_CONTEXT' | 'FLAG_NOT_FOUND';

export interface FlagProblem {
  readonly errorCode: FlagErrorCode;
  readonly errorDetails: string;
}

/** Who a flag is evaluated for. */
export interface FlagContext {
  /** The targeting key; what is longer than any unit by its digest, as in a request's header. */
  readonly unit: string;
  /** What else the context says, as text. */
  readonly attributes: () => Attributes;
}

/** Reads the body of an evaluation: `{ "context": { "targetingKey": …, … } }`. */
export function readFlagContext(text: string): FlagContext | FlagProblem {
  const body = parsedJson(text);
  if (body === undefined) return problem('PARSE_ERROR', 'the body is no JSON');
  const context = jsonMembers(jsonMembers(body)?.['context']);
  if (context === null) return problem('INVALID_CONTEXT', 'expected { "context": { "targetingKey": "…" } }');
  return flagContextOf(context);
}

/** Who is meant by the members of a context. */
export function flagContextOf(context: Fields): FlagContext | FlagProblem {
  const targetingKey = context['targetingKey'];
  if (targetingKey === undefined || targetingKey === null) {
    return problem('TARGETING_KEY_MISSING', 'expected a targetingKey in the context: the unit that is drawn');
  }
  if (typeof targetingKey !== 'string') {
    return problem('INVALID_CONTEXT', 'expected text as targetingKey; a number is written in quotes');
  }
  // All clients that have no name to send would be one unit.
  if (isNameless(targetingKey)) {
    return problem('TARGETING_KEY_MISSING', 'the targetingKey names nobody: expected the name of a user or session');
  }
  const unstorable = unstorableIn(targetingKey);
  if (unstorable) return problem('INVALID_CONTEXT', `targetingKey: ${unstorable.message}`);
  return { unit: boundedUnit(targetingKey), attributes: () => attributesIn(context) };
}

export function isFlagProblem(value: object): value is FlagProblem {
  return 'errorCode' in value;
}

/** Numbers and truth values as a header would say them; lists and mappings are no attributes. */
function attributesIn(context: Fields): Attributes {
  const attributes: Record<string, string> = {};
  for (const name of Object.keys(context)) {
    const value = context[name];
    if (typeof value === 'string') attributes[name] = value;
    else if (typeof value === 'number' || typeof value === 'boolean') attributes[name] = String(value);
  }
  return attributes;
}

function problem(errorCode: FlagErrorCode, errorDetails: string): FlagProblem {
  return { errorCode, errorDetails };
}
