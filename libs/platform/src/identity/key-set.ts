import { setTimeout as pause } from 'node:timers/promises';
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { describeIssuer, jsonOfIssuer } from './issuer-description.js';

/** A public key of an issuer. */
export interface IssuerKey {
  readonly id: string | undefined;
  /** The algorithm that it is meant for, where the issuer says so. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

const jwk = z.looseObject({
  kty: z.string(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});
const jwks = z.object({ keys: z.array(jwk) });

/** Keys are asked for again when they are older, so that one that was taken back stops counting. */
const FRESH_FOR_MS = 10 * 60_000;
/** A slow issuer keeps nobody longer whose key is known: what it says then counts for the next. */
const PATIENCE_MS = 500;
/** Whoever sends tokens with made-up key ids has the issuer asked this often at most. */
const ASK_EVERY_MS = 10_000;

export interface KeySetOptions {
  readonly issuer: string;
  /** Where the keys are; without it the issuer's own description says so (OpenID Connect Discovery). */
  readonly url?: string | undefined;
  readonly onTrouble: (message: string) => void;
  readonly monotonicMs?: () => number;
}

/** The public keys of an issuer. Those that are known go on counting while it does not answer. */
export class KeySet {
  private keys: readonly IssuerKey[] = [];
  private loadedAtMs = -Infinity;
  private askedAtMs = -Infinity;
  private loading: Promise<void> | undefined;

  constructor(private readonly options: KeySetOptions) {}

  /** Keys with this id; all of them for a token that names none. A new id is asked for: issuers change their keys. */
  async find(id: string | undefined): Promise<readonly IssuerKey[]> {
    if (this.nowMs() - this.loadedAtMs > FRESH_FOR_MS) await this.refresh(this.matching(id).length > 0);
    const found = this.matching(id);
    if (found.length > 0) return found;
    await this.load();
    return this.matching(id);
  }

  private async refresh(isKnown: boolean): Promise<void> {
    if (!isKnown) return this.load();
    if (this.loading && this.nowMs() - this.askedAtMs >= PATIENCE_MS) return;
    const ended = new AbortController();
    await Promise.race([this.load(), pause(PATIENCE_MS, undefined, { signal: ended.signal }).catch(() => undefined)]);
    ended.abort();
  }

  private matching(id: string | undefined): readonly IssuerKey[] {
    return id === undefined ? this.keys : this.keys.filter((key) => key.id === id);
  }

  private load(): Promise<void> {
    if (this.loading) return this.loading;
    if (this.nowMs() - this.askedAtMs < ASK_EVERY_MS) return Promise.resolve();
    this.askedAtMs = this.nowMs();
    this.loading = this.fetchKeys()
      .then((keys) => {
        this.keys = keys;
        this.loadedAtMs = this.nowMs();
      })
      .catch((error: Error) =>
        this.options.onTrouble(`the keys of ${this.options.issuer} can't be read: ${error.message}`),
      )
      .finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async fetchKeys(): Promise<readonly IssuerKey[]> {
    const { issuer, url } = this.options;
    const { keys } = jwks.parse(await jsonOfIssuer(url ?? (await describeIssuer(issuer)).jwks_uri));
    // What is for encryption, or of a kind that Node does not know, is none of ours.
    return keys.flatMap((one) => (one.use === undefined || one.use === 'sig' ? readKey(one) : []));
  }

  private nowMs(): number {
    return (this.options.monotonicMs ?? (() => performance.now()))();
  }
}

function readKey(one: z.output<typeof jwk>): readonly IssuerKey[] {
  // A secret that issuer and service share has no place in a public list.
  if (one.kty === 'oct') return [];
  try {
    return [{ id: one.kid, alg: one.alg, key: createPublicKey({ key: one as JsonWebKey, format: 'jwk' }) }];
  } catch {
    return [];
  }
}
