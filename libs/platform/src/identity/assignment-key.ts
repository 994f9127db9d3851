import { join } from 'node:path';
import { z } from 'zod';
import { defineNeed } from '../app/need.js';
import { readIfThere } from '../configuration/made-once.js';
import { commonVariables, documented, variables } from '../configuration/variables.js';
import { installationSecret } from './installation-secret.js';

/** Where the key of an installation is, in DATA_DIR. */
const KEY_FILE = 'assignment-key';
const TITLE = 'Signed assignments';

const { AUTH, DATA_DIR } = commonVariables;

const ASSIGNMENT_KEY = documented(
  variables.text.min(16, 'expected at least 16 characters').optional(),
  'Routers sign with it what they tell services of the assignment of a request, in `teststrip-assignment-signature`; a service that has it leaves assignments out that are not signed. The same at every router and service, needed where they share no DATA_DIR.',
  {
    secret: true,
    defaultIs:
      '`assignment-key` in DATA_DIR, which a router makes at its first start; a service that finds none checks nothing',
  },
);

/** The key that a router signs assignments with; undefined: it signs none. */
export const needsAssignmentKey = defineNeed({
  name: 'key of assignments',
  title: TITLE,
  variables: { AUTH, DATA_DIR, ASSIGNMENT_KEY },
  async open({ AUTH: auth, DATA_DIR: dataDir, ASSIGNMENT_KEY: given }, { logger }) {
    if (given !== undefined) return { resource: given };
    try {
      // Services that share the folder may check: what is there is signed with all the same.
      return { resource: auth === 'off' ? await keyIn(dataDir) : await installationSecret(fileIn(dataDir), 'key') };
    } catch (error) {
      // Who serves users goes on serving them.
      logger.error(`assignments are not signed: ${(error as Error).message}`);
      return { resource: undefined };
    }
  },
});

/** The key with which a service looks whether a router has signed what it is told of an assignment; undefined: it does not look. */
export const needsAssignmentCheck = defineNeed({
  name: 'key of the assignments of routers',
  title: TITLE,
  variables: {
    AUTH,
    DATA_DIR,
    ASSIGNMENT_KEY,
    UNSIGNED_ASSIGNMENTS: documented(
      z.enum(['allowed', 'left-out']).default('left-out'),
      '`allowed`: a service takes every assignment, signed or not, also where it knows a key: for services that are asked by way of nginx, Envoy or a Gateway, which sign nothing.',
    ),
  },
  async open({ AUTH: auth, DATA_DIR: dataDir, ASSIGNMENT_KEY: given, UNSIGNED_ASSIGNMENTS: unsigned }, { logger }) {
    if (auth === 'off' || unsigned === 'allowed') return { resource: undefined };
    try {
      return { resource: given ?? (await keyIn(dataDir)) };
    } catch (error) {
      logger.error(`assignments are not checked: ${(error as Error).message}`);
      return { resource: undefined };
    }
  },
});

function fileIn(dataDir: string): string {
  return join(dataDir, KEY_FILE);
}

/** Of a folder that a router has not used yet, none: a key that nobody signs with would leave everything out. */
async function keyIn(dataDir: string): Promise<string | undefined> {
  const file = fileIn(dataDir);
  return (await readIfThere(file)) === undefined ? undefined : installationSecret(file, 'key');
}
