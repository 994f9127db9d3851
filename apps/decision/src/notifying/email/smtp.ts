import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { NotDeliveredError } from '../not-delivered-error.js';
import type { MailServer } from './mail-server.js';

/** A mail as it is handed over. */
export interface Mail {
  readonly from: string;
  readonly to: string;
  /** Headers and text as RFC 5322 has them, in ASCII, with lines that end in CR LF. */
  readonly message: string;
}

/**
 * Hands a mail over to a server, once: SMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH (RFC 4954).
 * @throws NotDeliveredError for anything but the server's word that it has taken it. Final where it says that it never will.
 */
export async function handOver(server: MailServer, mail: Mail, signal: AbortSignal): Promise<void> {
  const dialogue = await Dialogue.begin(server, signal);
  try {
    await dialogue.say(`MAIL FROM:<${mail.from}>`, [250]);
    await dialogue.say(`RCPT TO:<${mail.to}>`, [250, 251], { isAboutMail: true });
    await dialogue.say('DATA', [354]);
    await dialogue.say(`${withDotsDoubled(mail.message)}\r\n.`, [250], { isAboutMail: true, shownAs: 'the mail' });
  } catch (error) {
    dialogue.breakOff();
    throw error;
  }
  dialogue.end();
}

/** A line that begins with a dot would end the mail (RFC 5321, 4.5.2). */
function withDotsDoubled(message: string): string {
  return message.replaceAll(/^\./gm, '..');
}

interface Reply {
  readonly code: number;
  /** Of all its lines, without the codes. */
  readonly lines: readonly string[];
}

interface Said {
  /** A refusal for ever is about this mail, and not about how we speak to the server. */
  readonly isAboutMail?: boolean;
  /** In messages, where it is a secret or long. */
  readonly shownAs?: string;
}

/** A server that says more than this is none. */
const LONGEST_REPLY = 64 * 1_024;
const FAREWELL_WITHIN_MS = 1_000;

class Dialogue {
  private received = '';
  private wakeReader: () => void = () => undefined;
  private broken: Error | undefined;
  /** Takes nothing more from the present socket. */
  private leave: () => void;

  private constructor(
    private socket: Socket,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', this.onAbort, { once: true });
    this.leave = this.listen(socket);
  }

  /** Connected, encrypted and logged in as the server is configured. */
  static async begin(server: MailServer, signal: AbortSignal): Promise<Dialogue> {
    const { host, port } = server;
    signal.throwIfAborted();
    const socket =
      server.security === 'tls' ? connectTls({ host, port, ...identityOf(server) }) : connectPlain({ host, port });
    const dialogue = new Dialogue(socket, signal);
    try {
      await dialogue.expect(await dialogue.reply(), [220], { shownAs: 'the greeting' });
      const offers = await dialogue.greet();
      await dialogue.logIn(server, server.security === 'starttls' ? await dialogue.encrypt(server, offers) : offers);
    } catch (error) {
      dialogue.breakOff();
      throw error;
    }
    return dialogue;
  }

  /** Says a line and takes the answer. */
  async say(line: string, expected: readonly number[], said: Said = {}): Promise<Reply> {
    if (this.broken) throw asNotDelivered(this.broken);
    this.socket.write(`${line}\r\n`);
    return this.expect(await this.reply(), expected, { shownAs: line, ...said });
  }

  /** Nobody waits for the server's farewell: it has taken the mail. */
  end(): void {
    this.signal.removeEventListener('abort', this.onAbort);
    const { socket } = this;
    socket.end('QUIT\r\n');
    setTimeout(() => socket.destroy(), FAREWELL_WITHIN_MS).unref();
  }

  breakOff(): void {
    this.signal.removeEventListener('abort', this.onAbort);
    this.socket.destroy();
  }

  private readonly onAbort = (): void => void this.socket.destroy(this.signal.reason as Error);

  private async greet(): Promise<readonly string[]> {
    const { lines } = await this.say(`EHLO ${literalOf(this.socket.localAddress)}`, [250]);
    return lines.map((line) => line.toUpperCase());
  }

  private async encrypt(server: MailServer, offers: readonly string[]): Promise<readonly string[]> {
    if (!offers.includes('STARTTLS'))
      throw new NotDeliveredError('the mail server offers no STARTTLS, and nothing is sent without it');
    await this.say('STARTTLS', [220]);
    // What somebody has slipped in before the encryption would count as said within it.
    if (this.received !== '') throw new NotDeliveredError('the mail server spoke between STARTTLS and the encryption');
    this.leave();
    this.socket = connectTls({ socket: this.socket, host: server.host, ...identityOf(server) });
    this.leave = this.listen(this.socket);
    return this.greet();
  }

  private async logIn({ login }: MailServer, offers: readonly string[]): Promise<void> {
    if (login === undefined) return;
    const { user, password } = login;
    const ways = offers.find((offer) => offer.startsWith('AUTH'))?.split(/[ =]/) ?? [];
    if (ways.includes('PLAIN')) {
      const given = base64(`\0${user}\0${password}`);
      await this.say(`AUTH PLAIN ${given}`, [235], { shownAs: 'AUTH PLAIN' });
    } else if (ways.includes('LOGIN')) {
      await this.say('AUTH LOGIN', [334]);
      await this.say(base64(user), [334], { shownAs: 'AUTH LOGIN' });
      await this.say(base64(password), [235], { shownAs: 'AUTH LOGIN' });
    } else throw new NotDeliveredError('the mail server takes no password by AUTH PLAIN or AUTH LOGIN');
  }

  /** @returns what ends the listening; errors are still taken, which would end the process otherwise */
  private listen(socket: Socket): () => void {
    const onData = (bytes: Buffer): void => {
      this.received += bytes.toString('latin1');
      if (this.received.length > LONGEST_REPLY) socket.destroy(new Error('the mail server says too much'));
      this.wakeReader();
    };
    const onError = (error: Error): void => {
      this.broken ??= error;
      this.wakeReader();
    };
    const onClose = (): void => onError(new Error('the mail server has closed the connection'));
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    return () => void socket.off('data', onData).off('close', onClose);
  }

  /** The next answer, whose last line has a blank behind the code. */
  private async reply(): Promise<Reply> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r?\n)*(\d{3})(?: .*)?\r?\n/.exec(this.received);
      if (found) {
        this.received = this.received.slice(found[0].length);
        const lines = found[0].trimEnd().split(/\r?\n/);
        return { code: Number(found[1]), lines: lines.map((line) => line.slice(4).trim()) };
      }
      if (/^(?!\d{3})[^\n]+\n/.test(this.received)) throw new NotDeliveredError('what answers is no mail server');
      if (this.broken) throw asNotDelivered(this.broken);
      await new Promise<void>((resolve) => (this.wakeReader = resolve));
    }
  }

  private async expect(reply: Reply, expected: readonly number[], { isAboutMail, shownAs }: Said): Promise<Reply> {
    if (expected.includes(reply.code)) return reply;
    const words = `${reply.code} ${reply.lines.join(' ')}`.trim().slice(0, 300);
    const isFinal = isAboutMail === true && reply.code >= 500;
    throw new NotDeliveredError(`the mail server answered “${words}” to ${shownAs}`, { isFinal });
  }
}

function asNotDelivered(error: Error): NotDeliveredError {
  return new NotDeliveredError(error.message || 'the connection to the mail server broke');
}

/** Whose certificate is expected: an address has no name to ask for, and stands in the certificate itself. */
function identityOf({ host, ca }: MailServer): { readonly servername?: string; readonly ca?: string } {
  return { ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === undefined ? {} : { ca }) };
}

/** How a client without a name of its own introduces itself (RFC 5321, 4.1.3). */
function literalOf(address = '127.0.0.1'): string {
  return address.includes(':') ? `[IPv6:${address}]` : `[${address}]`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
