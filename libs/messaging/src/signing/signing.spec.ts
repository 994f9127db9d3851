import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEvent, examples, isSignedTopic } from '#libs/contracts';
import { SIGNATURE_HEADER } from './event-signature.js';
import { openOrderSigner, orderSigner, PUBLIC_KEY_FILE } from './order-signer.js';
import { ControllerKeys, type OrderTrustOptions } from './order-trust.js';

const order = encodeEvent(examples.find(({ type }) => type === 'allocation.commanded.v1')!);
const fact = encodeEvent(examples.find(({ type }) => type === 'request.routed.v1')!);
const [own, other] = [aSigner(), aSigner()];
/** Another topic that is obeyed. */
const otherTopics = examples.map(({ type }) => type).filter((type) => isSignedTopic(type) && type !== order.topic);
const otherTopic = (which: number): string => otherTopics[which % otherTopics.length]!;

function aSigner() {
  return orderSigner(generateKeyPairSync('ed25519').privateKey);
}

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'teststrip-keys-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

function trust(options: Partial<OrderTrustOptions> = {}): ControllerKeys {
  const file = join(folder, PUBLIC_KEY_FILE);
  return new ControllerKeys({
    publicKeys: undefined,
    file,
    unsigned: undefined,
    onTrouble: (message) => expect.fail(message),
    ...options,
  });
}

const keys = (): ControllerKeys => trust({ publicKeys: [own.publicKey!] });

describe('a signed order', () => {
  it('is believed, as it was published and as a carrier hands it on', () => {
    const signed = own.sign(order);
    expect(keys().refusalOf(signed)).toBeUndefined();
    const headers = Object.fromEntries(
      Object.entries(signed.headers).map(([name, value]) => [name, Buffer.from(value)]),
    );
    expect(keys().refusalOf({ ...signed, key: Buffer.from(signed.key), headers })).toBeUndefined();
  });

  it('is refused unsigned, signed with another key, and with anything in it changed', () => {
    const signed = own.sign(order);
    const { headers } = signed;
    expect(keys().refusalOf(order)).toMatch(/not signed/);
    expect(keys().refusalOf(other.sign(order))).toMatch(/is signed with the key ".*", which is none/);
    const larger = Buffer.from(order.value.toString().replace('"epoch":3', '"epoch":9'));
    expect(larger).not.toEqual(order.value);
    const forgeries = [
      { ...signed, value: larger },
      { ...signed, value: null },
      { ...signed, key: 'another' },
      { ...signed, key: null },
      { ...signed, topic: 'service.defined.v1' },
      { ...signed, headers: { ...headers, ce_id: 'another' } },
      { ...signed, headers: { ...headers, ce_time: '2030-01-01T00:00:00.000Z' } },
      { ...signed, headers: { ...headers, [SIGNATURE_HEADER]: `${headers[SIGNATURE_HEADER].split('.')[0]}.` } },
      {
        ...signed,
        headers: {
          ...headers,
          [SIGNATURE_HEADER]: other
            .sign(order)
            .headers[SIGNATURE_HEADER].replace(/^[^.]*/, headers[SIGNATURE_HEADER].split('.')[0]!),
        },
      },
    ];
    for (const forgery of forgeries) expect(keys().refusalOf(forgery)).toBe('its signature is not about what it says');
  });

  it('is about every byte: whatever is changed of what a signed event says is refused', () => {
    const signed = own.sign(order) as typeof order & { readonly headers: Record<string, string> };
    const parts = ['topic', 'key', 'value', 'ce_id', 'ce_type', 'ce_source', 'ce_subject', 'ce_time'] as const;
    const checks = keys();
    const property = fc.property(
      fc.constantFrom(...parts),
      fc.nat(),
      fc.integer({ min: 1, max: 127 }),
      (part, at, by) => {
        const changed = (text: string): string => {
          const bytes = Buffer.from(text);
          bytes[at % bytes.length]! ^= by;
          return bytes.toString('latin1');
        };
        const forgery =
          part === 'value'
            ? { ...signed, value: Buffer.from(changed(signed.value.toString())) }
            : part === 'key'
              ? { ...signed, key: changed(signed.key) }
              : part === 'topic'
                ? { ...signed, topic: otherTopic(at) }
                : { ...signed, headers: { ...signed.headers, [part]: changed(signed.headers[part]!) } };
        expect(checks.refusalOf(forgery)).toBe('its signature is not about what it says');
      },
    );
    fc.assert(property, { numRuns: 300, seed: 20_261_127 });
  });

  it('is of topics that are obeyed alone: facts come from anybody', () => {
    expect(own.sign(fact)).toBe(fact);
    expect(keys().refusalOf(fact)).toBeUndefined();
  });
});

describe('the keys of the controller', () => {
  it('may be several while they change, and the old one counts no more when it is taken out', () => {
    const [before, after] = [own.sign(order), other.sign(order)];
    const both = trust({ publicKeys: [own.publicKey!, other.publicKey!] });
    expect([both.refusalOf(before), both.refusalOf(after)]).toEqual([undefined, undefined]);
    expect(trust({ publicKeys: [other.publicKey!] }).refusalOf(before)).toMatch(/none that is known/);
  });

  it('are made once per installation, closed to others, and agreed on by those who start together', async () => {
    const dataDir = join(folder, 'data');
    const [one, two] = await Promise.all([openOrderSigner(dataDir, undefined), openOrderSigner(dataDir, undefined)]);
    expect(one.publicKey).toBe(two.publicKey);
    expect((await openOrderSigner(dataDir, undefined)).publicKey).toBe(one.publicKey);
    expect((await stat(join(dataDir, 'controller-key.pem'))).mode & 0o777).toBe(0o600);
    expect((await stat(dataDir)).mode & 0o077).toBe(process.getuid?.() === 0 ? 0o011 : 0);
    expect(await readFile(join(dataDir, PUBLIC_KEY_FILE), 'utf8')).toBe(`${one.publicKey}\n`);
    await writeFile(join(folder, 'no-key.pem'), 'hello');
    await expect(openOrderSigner(dataDir, join(folder, 'no-key.pem'))).rejects.toThrow(
      /expected an Ed25519 private key/,
    );
  });

  it('of the folder are read again: nothing is checked before there are any, and another key replaces them', async () => {
    let nowMs = 0;
    const inFolder = trust({ monotonicMs: () => nowMs });
    expect(inFolder.refusalOf(order)).toBeUndefined();
    expect(inFolder.refusalOf(other.sign(order))).toBeUndefined();
    await writeFile(join(folder, PUBLIC_KEY_FILE), `${own.publicKey}\n`);
    nowMs += 1_001;
    expect(inFolder.refusalOf(order)).toMatch(/not signed/);
    expect(inFolder.refusalOf(own.sign(order))).toBeUndefined();
    await writeFile(join(folder, PUBLIC_KEY_FILE), `${other.publicKey}\n`);
    nowMs += 1_001;
    expect(inFolder.refusalOf(own.sign(order))).toMatch(/none that is known/);
    await rm(join(folder, PUBLIC_KEY_FILE));
    nowMs += 1_001;
    expect(inFolder.refusalOf(order)).toMatch(/not signed/);
  });

  it('decide about a log of before as is asked: unsigned events may count, wrong signatures never do', () => {
    const publicKeys = [own.publicKey!];
    expect(trust({ publicKeys, unsigned: 'allowed' }).refusalOf(order)).toBeUndefined();
    expect(trust({ publicKeys, unsigned: 'allowed' }).refusalOf(other.sign(order))).toMatch(/none that is known/);
    expect(trust({ unsigned: 'refused' }).refusalOf(order)).toMatch(/not signed/);
    expect(trust({ unsigned: 'refused' }).refusalOf(own.sign(order))).toMatch(/none that is known/);
  });
});
