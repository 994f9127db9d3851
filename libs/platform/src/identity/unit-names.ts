import { keyedHash } from '#libs/telemetry';
import { defineNeed } from '../app/need.js';
import { documented, variables } from '../configuration/variables.js';

/** The names by which units (users, sessions) are told to everybody behind the router. */
export interface UnitNames {
  /** The name of a unit under the present key. */
  of(unit: string): string;
  /** Every name that a unit may have been told by: itself, and that under the present key and each key of before. */
  allOf(unit: string): readonly string[];
}

/** @param keys the present one first */
export function unitNames([present, ...before]: readonly [string, ...string[]]): UnitNames {
  return {
    of: (unit) => nameOf(present, unit),
    allOf: (unit) => [unit, ...[present, ...before].map((key) => nameOf(key, unit))],
  };
}

function nameOf(key: string, unit: string): string {
  return keyedHash(key, `unit:${unit}`);
}

/** How units are told; undefined: by their own names. */
export const needsUnitNames = defineNeed({
  name: 'names of units',
  title: 'Names of units',
  variables: {
    UNIT_KEYS: documented(
      variables.list
        .refine((keys) => keys.every((key) => key.length >= 16), 'expected keys of at least 16 characters')
        .optional(),
      'With it events, headers to services and tables have a keyed hash (HMAC-SHA-256) in place of the name of each user or session. Comma-separated; the first one makes names, the others find what earlier keys have named. The same at every router and at the recorder.',
      { secret: true, defaultIs: 'names as they are' },
    ),
  },
  open({ UNIT_KEYS: keys }) {
    const [present, ...before] = keys ?? [];
    return Promise.resolve({ resource: present === undefined ? undefined : unitNames([present, ...before]) });
  },
});
