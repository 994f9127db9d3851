import { readFileSync } from 'node:fs';

/** Where e-mail is handed over, and in whose name. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `starttls`: nothing of a mail, and no password, is said before the connection is encrypted. */
  readonly security: 'tls' | 'starttls' | 'none';
  /** Certificate of who vouches for the server, in PEM; undefined: those that Node trusts do. */
  readonly ca: string | undefined;
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

/** How mail is sent. */
export interface MailSettings {
  readonly server: MailServer;
  /** The sender's address. */
  readonly from: string;
}

const EXPECTED =
  'expected an address such as smtp://user:password@mail.example.com:587, smtps://… for TLS from the start, with ?ca=FILE for a certificate of your own, or smtp://localhost:25?tls=off';
const PORTS = { smtp: 587, smtps: 465 } as const;

/** @returns the server, or what is wrong with the text, without repeating it: there is a password in it. */
export function readMailServer(text: string): MailServer | string {
  const url = URL.parse(text);
  const scheme = url?.protocol === 'smtp:' ? 'smtp' : url?.protocol === 'smtps:' ? 'smtps' : undefined;
  if (!url || scheme === undefined || url.hostname === '') return EXPECTED;
  const { tls, ca: file, ...others } = Object.fromEntries(url.searchParams);
  if (Object.keys(others).length > 0 || (tls !== undefined && tls !== 'off')) return EXPECTED;
  const isPlain = tls === 'off';
  if (isPlain && scheme === 'smtps')
    return `${url.host}: smtps is TLS from the start, and tls=off wants none: expected one of the two`;
  const [user, password] = [url.username, url.password].map(decoded);
  if (user === undefined || password === undefined) return EXPECTED;
  if (isPlain && user !== '') return `${url.host}: a password is not sent without TLS: expected none, or no tls=off`;
  const ca = file === undefined ? undefined : readCertificate(file);
  if (ca === null) return `${url.host}: the file that ca names can't be read`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? PORTS[scheme] : Number(url.port),
    security: scheme === 'smtps' ? 'tls' : isPlain ? 'none' : 'starttls',
    ca,
    login: user === '' ? undefined : { user, password },
  };
}

function readCertificate(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** An address that every mail server takes: a mailbox of letters, digits and the usual signs, at a host. */
const MAILBOX = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/;

export function isMailbox(text: string): boolean {
  return MAILBOX.test(text);
}
