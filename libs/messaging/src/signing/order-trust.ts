import { readFileSync } from 'node:fs';
import type { KeyObject } from 'node:crypto';
import { isSignedTopic } from '#libs/contracts';
import { claimedKeyId, isSignedBy, keyIdOf, readPublicKey, type SignableRecord } from './event-signature.js';

/** Says which records are the controller's own word. */
export interface OrderTrust {
  /** Why a record must not be obeyed; undefined where it may be. */
  refusalOf(record: SignableRecord): string | undefined;
}

/** Everybody's word counts, as long as whoever may write to the bus may do everything anyway. */
export const trustEverybody: OrderTrust = { refusalOf: () => undefined };

export interface OrderTrustOptions {
  /** Texts as `publicKeyText` writes them; undefined: those of the file. */
  readonly publicKeys: readonly string[] | undefined;
  /** One key a line, read again when it changes. */
  readonly file: string;
  /** Whether an event without a signature counts. Undefined: as long as no key is known. */
  readonly unsigned: 'allowed' | 'refused' | undefined;
  readonly onTrouble: (message: string) => void;
  readonly monotonicMs?: () => number;
}

/** How often the file is looked at, at most. */
const LOOK_EVERY_MS = 1_000;

/**
 * Checks signatures by the public keys of the controller: several at once while they change. Where none is known events are taken as they come, as
 * they were before there were signatures.
 */
export class ControllerKeys implements OrderTrust {
  private keys: ReadonlyMap<string, KeyObject> = new Map();
  private read = '';
  private lookedAtMs = -Infinity;

  /** @throws Error for what is no public key */
  constructor(private readonly options: OrderTrustOptions) {
    if (options.publicKeys) this.keys = byId(options.publicKeys);
    else this.look();
  }

  refusalOf(record: SignableRecord): string | undefined {
    if (!isSignedTopic(record.topic)) return undefined;
    this.look();
    const { unsigned } = this.options;
    const claimed = claimedKeyId(record);
    if (claimed === undefined) {
      const isAllowed = unsigned === undefined ? this.keys.size === 0 : unsigned === 'allowed';
      return isAllowed ? undefined : 'it is not signed: only the decision service may say this';
    }
    if (this.keys.size === 0 && unsigned !== 'refused') return undefined;
    const key = this.keys.get(claimed);
    if (!key)
      return `it is signed with the key ${JSON.stringify(claimed)}, which is none that is known here (CONTROLLER_PUBLIC_KEYS)`;
    return isSignedBy(record, key) ? undefined : 'its signature is not about what it says';
  }

  private look(): void {
    const { publicKeys, file, onTrouble, monotonicMs = () => performance.now() } = this.options;
    if (publicKeys || monotonicMs() - this.lookedAtMs < LOOK_EVERY_MS) return;
    this.lookedAtMs = monotonicMs();
    const content = textOf(file);
    if (content === undefined || content === this.read) return;
    this.read = content;
    try {
      const texts = content.split(/\s+/).filter((line) => line !== '');
      if (texts.length === 0) throw new Error('it is empty');
      this.keys = byId(texts);
    } catch (error) {
      onTrouble(`${file}: the keys of the controller stay as they were: ${(error as Error).message}`);
    }
  }
}

function byId(texts: readonly string[]): ReadonlyMap<string, KeyObject> {
  return new Map(texts.map((text) => [keyIdOf(text), readPublicKey(text)]));
}

/** undefined: there is none, or it can't be read now; what was known stays. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
