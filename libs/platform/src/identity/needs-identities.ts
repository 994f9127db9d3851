import { z } from 'zod';
import { defineNeed } from '../app/need.js';
import { commonVariables, documented, processVariables, variables } from '../configuration/variables.js';
import { isLoopback } from '../http/loopback.js';
import { IdentitiesFile } from './identities-file.js';
import { everybody, fileReader, identitiesFrom, operatorTokenReader, type Identities } from './identities.js';
import { operatorTokenIn } from './operator-token.js';
import type { Identity } from './roles.js';

const ownVariables = {
  AUTH: documented(
    z.enum(['on', 'off']).default('on'),
    '`off`: whoever reaches a port may do everything, under any name that the body says. On loopback only.',
  ),
  IDENTITIES: documented(
    variables.text.optional(),
    'File with names, hashes of their tokens and their roles by service; see SECURITY.md. Read again when it changes.',
    { defaultIs: 'one token with every role, in `operator-token` in DATA_DIR' },
  ),
  OPEN_READS: documented(
    variables.flag.optional(),
    'Whether reading needs no token. A browser sends none: where the page is read from elsewhere, put a proxy in front that does.',
    { defaultIs: 'true on loopback without identities' },
  ),
};

const ANYBODY: Identity = { name: 'anybody', roles: { '*': 'viewer' } };

/** Who may do what: from a file, or by the one token that an installation without identities makes itself. */
export const needsIdentities = defineNeed({
  name: 'identities',
  title: 'Who may do what',
  variables: { ...ownVariables, DATA_DIR: commonVariables.DATA_DIR, HOST: processVariables.HOST },
  problems({ AUTH, HOST, IDENTITIES }) {
    if (AUTH !== 'off') return [];
    if (HOST !== undefined && !isLoopback(HOST))
      return [`AUTH=off: whoever reaches ${HOST} could promote; expected HOST=127.0.0.1, or identities`];
    return IDENTITIES === undefined ? [] : ['AUTH=off: IDENTITIES would be ignored; expected one of the two'];
  },
  async open(settings, { logger }) {
    const identities = await open(settings, logger);
    return { resource: identities, close: () => Promise.resolve() };
  },
});

interface IdentitySettings {
  readonly AUTH: 'on' | 'off';
  readonly IDENTITIES?: string | undefined;
  readonly OPEN_READS?: boolean | undefined;
  readonly DATA_DIR: string;
  readonly HOST: string;
}

async function open(settings: IdentitySettings, logger: Pick<Console, 'log' | 'warn' | 'error'>): Promise<Identities> {
  if (settings.AUTH === 'off') {
    logger.warn('AUTH=off: whoever reaches a port may do everything');
    return everybody;
  }
  if (settings.IDENTITIES !== undefined) {
    const file = new IdentitiesFile(settings.IDENTITIES, logger);
    return identitiesFrom([fileReader(file)], { reader: settings.OPEN_READS === true ? ANYBODY : undefined });
  }
  const own = await operatorTokenIn(settings.DATA_DIR);
  logger.log(`operator token: ${own.file}`);
  const isOpen = settings.OPEN_READS ?? isLoopback(settings.HOST);
  return identitiesFrom([operatorTokenReader(own)], {
    reader: isOpen ? ANYBODY : undefined,
    operatorTokenFile: own.file,
  });
}
