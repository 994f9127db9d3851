import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A certificate with its private key, both PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

interface IssueOptions {
  /** IPv4 addresses that it is valid for, beside the name. */
  readonly addresses?: readonly string[];
  /** Default: a day from now. */
  readonly validToMs?: number;
}

/** An authority made for one test. */
export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  issue(name: string, options?: IssueOptions): IssuedCertificate;
}

const DAY_MS = 86_400_000;

/** X.509 (RFC 5280) with P-256 and ECDSA, as much of it as TLS between a test and its server needs. */
export function certificateAuthority(name: string): CertificateAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signed = (asked: Asked): string => pem('CERTIFICATE', certificateOf(asked, name, own.privateKey));
  const tomorrow = Date.now() + DAY_MS;
  return {
    certificate: signed({ subject: name, publicKey: own.publicKey, validToMs: tomorrow, addresses: null }),
    issue(subject, { addresses = [], validToMs = tomorrow } = {}) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return {
        certificate: signed({ subject, publicKey, validToMs, addresses }),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

interface Asked {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly validToMs: number;
  /** null: an authority's. */
  readonly addresses: readonly string[] | null;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const TRUE = Buffer.from([0x01, 0x01, 0xff]);

/** The last bytes of object identifiers, as DER has them. */
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OBJECT_IDENTIFIER, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(OBJECT_IDENTIFIER, Buffer.from('550403', 'hex'));
const BASIC_CONSTRAINTS = der(OBJECT_IDENTIFIER, Buffer.from('551d13', 'hex'));
const SUBJECT_ALTERNATIVE_NAME = der(OBJECT_IDENTIFIER, Buffer.from('551d11', 'hex'));

function certificateOf(asked: Asked, issuer: string, key: KeyObject): Buffer {
  const { subject, publicKey, validToMs, addresses } = asked;
  // Never negative, never zero.
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(8)]);
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    der(SEQUENCE, time(validToMs - 2 * DAY_MS), time(validToMs)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, addresses === null ? authority() : alternativeNames(subject, addresses))),
  );
  const signature = sign('sha256', body, key);
  return der(SEQUENCE, body, ECDSA_WITH_SHA256, der(BIT_STRING, Buffer.from([0]), signature));
}

function authority(): Buffer {
  return der(SEQUENCE, BASIC_CONSTRAINTS, TRUE, der(OCTET_STRING, der(SEQUENCE, TRUE)));
}

function alternativeNames(name: string, addresses: readonly string[]): Buffer {
  const named = der(0x82, Buffer.from(name));
  const at = addresses.map((address) => der(0x87, Buffer.from(address.split('.').map(Number))));
  return der(SEQUENCE, SUBJECT_ALTERNATIVE_NAME, der(OCTET_STRING, der(SEQUENCE, named, ...at)));
}

function nameOf(name: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(name)))));
}

/** 20261127101530Z */
function time(atMs: number): Buffer {
  return der(GENERALIZED_TIME, Buffer.from(`${new Date(atMs).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`));
}

/** Tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + bytes.length]), bytes, content]);
}

function pem(what: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${what}-----\n${lines.join('\n')}\n-----END ${what}-----\n`;
}
