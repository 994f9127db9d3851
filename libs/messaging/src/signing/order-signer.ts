import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isSignedTopic } from '#libs/contracts';
import { madeOnce, readIfThere, writeDraft } from '#libs/platform';
import type { OutgoingRecord } from '../event-bus.js';
import {
  claimedKeyId,
  isSignedBy,
  keyIdOf,
  publicKeyText,
  signRecord,
  type SignableRecord,
} from './event-signature.js';

/** Where the key of an installation is, in DATA_DIR. */
const KEY_FILE = 'controller-key.pem';
/** Beside it: what routers on the same machine check by. */
export const PUBLIC_KEY_FILE = 'controller-key.pub';

/** Signs what obeying programs obey. */
export interface OrderSigner {
  /** As CONTROLLER_PUBLIC_KEYS has it; undefined where nothing is signed. */
  readonly publicKey: string | undefined;
  /** The record with its signature; those of topics that nobody obeys stay as they are. */
  sign<Signed extends OutgoingRecord>(record: Signed): Signed;
  /** Whether a record was signed with this key. */
  hasSigned(record: SignableRecord): boolean;
}

/** Publishes everything as it is. */
export const nobodySigns: OrderSigner = { publicKey: undefined, sign: (record) => record, hasSigned: () => false };

export function orderSigner(key: KeyObject): OrderSigner {
  const ownKey = createPublicKey(key);
  const publicKey = publicKeyText(ownKey);
  const keyId = keyIdOf(publicKey);
  return {
    publicKey,
    sign: (record) => (isSignedTopic(record.topic) ? signRecord(record, key, keyId) : record),
    hasSigned: (record) => claimedKeyId(record) === keyId && isSignedBy(record, ownKey),
  };
}

/**
 * The key of an installation: of the named file, or made at the first start in DATA_DIR, readable to its owner alone. Its public half is written
 * beside it for programs that share the folder. Processes that start at the same time with one folder agree on one key.
 * @throws Error where the file holds no Ed25519 key, or the folder can't be written
 */
export async function openOrderSigner(dataDir: string, keyFile: string | undefined): Promise<OrderSigner> {
  const file = keyFile ?? join(dataDir, KEY_FILE);
  const pem = keyFile === undefined ? await madeOnce(file, newKey) : await readFile(file, 'utf8');
  const signer = orderSigner(readKey(pem, file));
  await writePublicKey(join(dataDir, PUBLIC_KEY_FILE), `${signer.publicKey}\n`);
  return signer;
}

function readKey(pem: string, file: string): KeyObject {
  const expected = 'expected an Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)';
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${file} holds no key: ${expected}`, { cause: error });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${file} holds a key of another kind: ${expected}`);
  return key;
}

function newKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** A reader sees the old key or the new one. */
async function writePublicKey(file: string, content: string): Promise<void> {
  if ((await readIfThere(file)) === content) return;
  await rename(await writeDraft(file, content, 0o644), file);
}
