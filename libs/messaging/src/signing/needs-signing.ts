import { join } from 'node:path';
import type { LoggerService } from '@nestjs/common';
import { z } from 'zod';
import { commonVariables, ConfigurationError, defineNeed, documented, variables } from '#libs/platform';
import { readPublicKey } from './event-signature.js';
import { nobodySigns, openOrderSigner, PUBLIC_KEY_FILE, type OrderSigner } from './order-signer.js';
import { ControllerKeys, trustEverybody, type OrderTrust } from './order-trust.js';

const { AUTH, DATA_DIR } = commonVariables;
const TITLE = 'Signed orders';

const publicKeys = variables.list.transform((texts, context): readonly string[] => {
  for (const text of texts) {
    try {
      readPublicKey(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: `a public key of Ed25519, ${(error as Error).message}` });
    }
  }
  return texts;
});

/** The key by which the decision service signs definitions, orders and signs of life. */
export const needsOrderSigner = defineNeed({
  name: 'key of the controller',
  title: TITLE,
  variables: {
    AUTH,
    DATA_DIR,
    CONTROLLER_KEY_FILE: documented(
      variables.text.optional(),
      'File with the Ed25519 private key (PEM) that definitions, orders and signs of life are signed with; several decision services of one system need the same.',
      { defaultIs: '`controller-key.pem` in DATA_DIR, made at the first start' },
    ),
  },
  async open({ AUTH: auth, DATA_DIR: dataDir, CONTROLLER_KEY_FILE: file }, { logger }) {
    return { resource: auth === 'off' ? nobodySigns : await openSigner(dataDir, file, logger) };
  },
});

type NeedLogger = Pick<LoggerService, 'log' | 'error'>;

async function openSigner(dataDir: string, file: string | undefined, logger: NeedLogger): Promise<OrderSigner> {
  try {
    const signer = await openOrderSigner(dataDir, file);
    logger.log(`orders are signed with the key ${signer.publicKey}`);
    return signer;
  } catch (error) {
    if (file !== undefined) throw new ConfigurationError([`CONTROLLER_KEY_FILE=${file}: ${(error as Error).message}`]);
    // Where nobody checks signatures a rollback works without one, and where they are checked this is told again by whoever refuses it.
    logger.error(`orders are not signed: ${(error as Error).message}`);
    return nobodySigns;
  }
}

/** By which keys programs that obey the controller know its word. */
export const needsOrderTrust = defineNeed({
  name: 'public keys of the controller',
  title: TITLE,
  variables: {
    AUTH,
    DATA_DIR,
    CONTROLLER_PUBLIC_KEYS: documented(
      publicKeys.optional(),
      'Comma-separated public keys of the decision service, which says its own at its start. Definitions, orders and signs of life that none of them has signed are refused. Give the old and the new one while the key changes.',
      { defaultIs: '`controller-key.pub` in DATA_DIR; where there is none, nothing is checked' },
    ),
    UNSIGNED_ORDERS: documented(
      z.enum(['allowed', 'refused']).optional(),
      '`allowed`: what has no signature counts, for a log of before there were signatures; a wrong signature never does. `refused`: nothing counts unless it is signed with a known key.',
      { defaultIs: 'refused where a key is known, allowed where none is' },
    ),
  },
  async open({ AUTH: auth, DATA_DIR: dataDir, CONTROLLER_PUBLIC_KEYS: given, UNSIGNED_ORDERS: unsigned }, { logger }) {
    const file = join(dataDir, PUBLIC_KEY_FILE);
    const onTrouble = (message: string): void => logger.warn(message);
    const resource: OrderTrust =
      auth === 'off' ? trustEverybody : new ControllerKeys({ publicKeys: given, file, unsigned, onTrouble });
    return { resource };
  },
});
