import type { z } from 'zod';
import { systemClock } from '../clock.js';
import { defineNeed } from '../app/need.js';
import { commonVariables, documented, processVariables, variables } from '../configuration/variables.js';
import { isLoopback } from '../http/loopback.js';
import { identitiesFault, IdentitiesFile } from './identities-file.js';
import {
  everybody,
  fileReader,
  identitiesFrom,
  operatorTokenReader,
  type Identities,
  type TokenReader,
} from './identities.js';
import { issuedTokenReader } from './issued-tokens.js';
import { issuerVariables } from './issuer-variables.js';
import { KeySet } from './key-set.js';
import { operatorTokenIn } from './operator-token.js';
import type { Identity } from './roles.js';

const ownVariables = {
  AUTH: commonVariables.AUTH,
  IDENTITIES: documented(
    variables.text.optional(),
    'File with names, hashes of their tokens and their roles by service; see SECURITY.md. Read again when it changes.',
    { defaultIs: 'one token with every role, in `operator-token` in DATA_DIR' },
  ),
  OIDC_ISSUER: issuerVariables.OIDC_ISSUER,
  OIDC_AUDIENCE: documented(variables.text.optional(), 'Whom such a token has to be for; needed with OIDC_ISSUER.'),
  OIDC_JWKS_URL: documented(variables.url.optional(), "Address of the issuer's public keys.", {
    defaultIs: "what the issuer's .well-known/openid-configuration says",
  }),
  OIDC_ROLES_CLAIM: documented(
    variables.text.default('teststrip'),
    'Claim with the roles: an object by service (`{"text-to-image": "operator", "*": "viewer"}`), or a list of `viewer` and `text-to-image:operator`.',
  ),
  OIDC_NAME_CLAIM: documented(
    variables.text.default('sub'),
    'Claim with the name for the audit log; it has to be one that people can not choose themselves.',
  ),
  OPEN_READS: documented(variables.flag.optional(), 'Whether reading needs no token.', {
    defaultIs: 'true on loopback without identities',
  }),
};

const ANYBODY: Identity = { name: 'anybody', roles: { '*': 'viewer' } };

/** Who may do what: from a file, or by the one token that an installation without identities makes itself. */
export const needsIdentities = defineNeed({
  name: 'identities',
  title: 'Who may do what',
  variables: { ...ownVariables, DATA_DIR: commonVariables.DATA_DIR, HOST: processVariables.HOST },
  problems({ AUTH, HOST, IDENTITIES, OIDC_ISSUER, OIDC_AUDIENCE }) {
    if (OIDC_ISSUER !== undefined && OIDC_AUDIENCE === undefined)
      return [
        'OIDC_AUDIENCE=(not set): a token that was given for another service would be taken; expected the name of this one',
      ];
    if (AUTH !== 'off') return IDENTITIES === undefined ? [] : faultsOf(IDENTITIES);
    if (HOST !== undefined && !isLoopback(HOST))
      return [`AUTH=off: whoever reaches ${HOST} could promote; expected HOST=127.0.0.1, or identities`];
    const isIdle = IDENTITIES === undefined && OIDC_ISSUER === undefined;
    return isIdle ? [] : ['AUTH=off: IDENTITIES and OIDC_ISSUER would be ignored; expected one or the other'];
  },
  async open(settings, { logger }) {
    const identities = await open(settings, logger);
    return { resource: identities };
  },
});

/** Told before anything starts: a model takes seconds to load. */
function faultsOf(path: string): readonly string[] {
  const fault = identitiesFault(path);
  return fault === undefined ? [] : [`IDENTITIES=${path}: ${fault}`];
}

type IdentitySettings = z.output<z.ZodObject<typeof ownVariables>> & {
  readonly DATA_DIR: string;
  readonly HOST: string;
};

async function open(settings: IdentitySettings, logger: Pick<Console, 'log' | 'warn' | 'error'>): Promise<Identities> {
  if (settings.AUTH === 'off') {
    logger.warn('AUTH=off: whoever reaches a port may do everything');
    return everybody;
  }
  const readers = [...readersOfFile(settings, logger), ...readersOfIssuer(settings, logger)];
  if (readers.length > 0)
    return identitiesFrom(readers, { reader: settings.OPEN_READS === true ? ANYBODY : undefined });
  const reader = (settings.OPEN_READS ?? isLoopback(settings.HOST)) ? ANYBODY : undefined;
  try {
    const own = await operatorTokenIn(settings.DATA_DIR);
    logger.log(`operator token: ${own.file}`);
    return identitiesFrom([operatorTokenReader(own)], { reader, operatorTokenFile: own.file });
  } catch (error) {
    // Who serves users goes on serving them.
    logger.error(`there is no operator token, and nobody can give orders: ${(error as Error).message}`);
    return identitiesFrom([], { reader });
  }
}

function readersOfFile(
  { IDENTITIES }: IdentitySettings,
  logger: Pick<Console, 'log' | 'error'>,
): readonly TokenReader[] {
  return IDENTITIES === undefined ? [] : [fileReader(new IdentitiesFile(IDENTITIES, logger))];
}

function readersOfIssuer(settings: IdentitySettings, logger: Pick<Console, 'warn'>): readonly TokenReader[] {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_JWKS_URL: url } = settings;
  if (issuer === undefined || audience === undefined) return [];
  const keys = new KeySet({ issuer, url, onTrouble: (message) => logger.warn(message) });
  const { OIDC_ROLES_CLAIM: rolesClaim, OIDC_NAME_CLAIM: nameClaim } = settings;
  return [issuedTokenReader({ issuer, audience, keys, nowMs: () => systemClock.nowMs(), rolesClaim, nameClaim })];
}
