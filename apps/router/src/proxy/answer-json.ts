import { parsedJson } from '#libs/contracts';
import type { Fields } from './json-fields.js';

/** Fields in which image APIs list what they made; an empty list is no picture. */
const PICTURE_LISTS = ['images', 'data', 'output', 'outputs', 'artifacts', 'predictions', 'generations', 'result'];

/** States of jobs that ended without a picture, as image APIs write them. */
const FAILED_STATES = new Set(['failed', 'failure', 'error', 'canceled', 'cancelled', 'aborted', 'rejected']);

/** What moderation calls itself in error codes and reasons. */
const MODERATION = /moderation|content[_\s-]?(policy|filter)|safety|nsfw|rai[_\s-]?filter|prohibited[_\s-]?content/i;

/** A picture under a name that is not among the lists. */
const PICTURE_ADDRESS = /"(data:image\/|https?:[^"\s]+\.(png|jpe?g|webp|avif)\b)/i;

/**
 * What the body of an answer says, where it clearly says that there is no picture; null where it does not, or is no JSON.
 * An error beside pictures is a remark.
 */
export function outcomeOfJson(text: string): 'filtered' | 'failed-inside-2xx' | null {
  const value = parsedJson(text);
  if (value === undefined) return null;
  if (isEmpty(value)) return 'failed-inside-2xx';
  const fields = fieldsOf(value);
  if (fields === null) return null;
  if (isHeldBack(fields)) return 'filtered';
  const lists = PICTURE_LISTS.filter((name) => Object.hasOwn(fields, name));
  if (lists.some((name) => !isEmpty(fields[name])) || PICTURE_ADDRESS.test(text)) return null;
  if (!saysFailed(fields) && lists.length === 0) return null;
  return namesModeration(fields) ? 'filtered' : 'failed-inside-2xx';
}

/** Whether the body of an error says that moderation is the reason. */
export function isModerationError(text: string): boolean {
  const fields = fieldsOf(parsedJson(text));
  return fields !== null && (isHeldBack(fields) || namesModeration(fields));
}

/** Of a list its first member's. */
function fieldsOf(value: unknown): Fields | null {
  const fields: unknown = Array.isArray(value) ? value[0] : value;
  return typeof fields === 'object' && fields !== null ? (fields as Fields) : null;
}

/** Pictures that are there in name only: black ones, or none at all. */
function isHeldBack(fields: Fields): boolean {
  const flags = fields['has_nsfw_concepts'];
  if (Array.isArray(flags) && flags.length > 0 && flags.every((flag) => flag === true)) return true;
  const artifacts = Array.isArray(fields['artifacts']) ? (fields['artifacts'] as readonly unknown[]) : [];
  const parts = [fields, ...artifacts].filter((part): part is Fields => typeof part === 'object' && part !== null);
  return parts.every(
    (part, index) => (index === 0 && parts.length > 1) || finishOf(part) === 'CONTENT_FILTERED' || isRaiFiltered(part),
  );
}

function finishOf(part: Fields): unknown {
  return part['finish_reason'] ?? part['finishReason'];
}

function isRaiFiltered(part: Fields): boolean {
  return typeof part['raiFilteredReason'] === 'string';
}

function saysFailed(fields: Fields): boolean {
  const states = [fields['status'], fields['state']];
  if (states.some((state) => typeof state === 'string' && FAILED_STATES.has(state.toLowerCase()))) return true;
  if (fields['success'] === false) return true;
  return ['error', 'errors', 'error_type'].some((name) => !isEmpty(fields[name]));
}

function namesModeration(fields: Fields): boolean {
  return reasonsOf(fields).some((reason) => MODERATION.test(reason));
}

/** Codes and types of the error, wherever image APIs put them; prose where the error is nothing else. */
function reasonsOf(fields: Fields): readonly string[] {
  const places = [fields, fields['error'], ...listOf(fields['errors']), ...listOf(fields['detail'])];
  return places.flatMap((place) => {
    if (typeof place === 'string') return [place];
    if (typeof place !== 'object' || place === null) return [];
    return ['code', 'type', 'reason', 'error_type', 'name'].flatMap((name) => {
      const said = (place as Fields)[name];
      return typeof said === 'string' ? [said] : [];
    });
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Nothing, in any of the ways JSON has for it. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
