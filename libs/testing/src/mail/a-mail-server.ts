import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { CERTIFICATE, KEY } from './certificate.js';

/** A mail as the server has taken it. */
export interface TakenMail {
  readonly from: string;
  readonly to: string;
  /** Headers and text, with dots as they were before they were doubled. */
  readonly message: string;
  readonly isEncrypted: boolean;
  /** What was said to log in; null: nothing. */
  readonly login: string | null;
}

/** Where a dialogue is when the server misbehaves. */
export type MailMoment = 'greeting' | 'recipient' | 'mail' | 'taken';
/** An answer in place of the usual one; `stall`: none at all; `drop`: the connection breaks. */
export type Misbehaviour = { readonly say: string } | 'stall' | 'drop' | undefined;

export interface MailServerOptions {
  /** Whether STARTTLS is offered. */
  readonly offersTls?: boolean;
  /** Asked at each moment of the nth dialogue, counted from 1. */
  readonly misbehave?: (moment: MailMoment, nth: number) => Misbehaviour;
}

export interface TestMailServer {
  readonly port: number;
  /** Of the certificate that it shows. */
  readonly certificate: string;
  readonly taken: readonly TakenMail[];
  /** Lines that clients have said in the clear. */
  readonly saidInTheClear: readonly string[];
  close(): void;
}

/** A small mail server: RFC 5321 as far as a sender meets it, with STARTTLS and AUTH PLAIN. */
export async function aMailServer(options: MailServerOptions = {}): Promise<TestMailServer> {
  const taken: TakenMail[] = [];
  const saidInTheClear: string[] = [];
  const sockets = new Set<Socket>();
  let dialogues = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    dialogues += 1;
    converse(socket, { ...options, nth: dialogues, taken, saidInTheClear });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    certificate: CERTIFICATE,
    taken,
    saidInTheClear,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

interface Conversation extends MailServerOptions {
  readonly nth: number;
  readonly taken: TakenMail[];
  readonly saidInTheClear: string[];
}

function converse(first: Socket, { offersTls = true, misbehave, nth, taken, saidInTheClear }: Conversation): void {
  let socket = first;
  let mail = { from: '', to: '', message: '', isEncrypted: false, login: null as string | null };
  let isInMail = false;
  const say = (moment: MailMoment, usual: string): void => {
    const instead = misbehave?.(moment, nth);
    if (instead === 'drop') socket.destroy();
    else if (instead !== 'stall') socket.write(`${instead?.say ?? usual}\r\n`);
  };
  const hear = (line: string): void => {
    if (isInMail) {
      if (line !== '.') {
        mail.message += `${line.replace(/^\.\./, '.')}\r\n`;
        return;
      }
      isInMail = false;
      if (misbehave?.('mail', nth) === undefined) taken.push({ ...mail });
      say(misbehave?.('taken', nth) === undefined ? 'mail' : 'taken', '250 taken');
      return;
    }
    if (!mail.isEncrypted) saidInTheClear.push(line);
    const [verb = ''] = line.toUpperCase().split(/[ :]/);
    switch (verb) {
      case 'EHLO':
        socket.write(offers(offersTls && !mail.isEncrypted));
        return;
      case 'STARTTLS':
        socket.write('220 go ahead\r\n');
        encrypt();
        return;
      case 'AUTH':
        mail.login = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString();
        socket.write('235 welcome\r\n');
        return;
      case 'MAIL':
        mail = { ...mail, from: /<(.*)>/.exec(line)?.[1] ?? '', message: '' };
        socket.write('250 fine\r\n');
        return;
      case 'RCPT':
        mail.to = /<(.*)>/.exec(line)?.[1] ?? '';
        say('recipient', '250 fine');
        return;
      case 'DATA':
        isInMail = true;
        socket.write('354 go ahead\r\n');
        return;
      case 'QUIT':
        socket.end('221 bye\r\n');
        return;
      default:
        socket.write('500 what?\r\n');
    }
  };
  const encrypt = (): void => {
    socket.removeAllListeners('data');
    socket = new TLSSocket(socket, { isServer: true, key: KEY, cert: CERTIFICATE });
    mail.isEncrypted = true;
    onLines(socket, hear);
  };
  onLines(socket, hear);
  say('greeting', '220 test');
}

function offers(hasTls: boolean): string {
  return ['250-test', ...(hasTls ? ['250-STARTTLS'] : []), '250 AUTH PLAIN LOGIN', ''].join('\r\n');
}

function onLines(socket: Socket, hear: (line: string) => void): void {
  let rest = '';
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    rest += bytes.toString();
    for (let end = rest.indexOf('\r\n'); end !== -1; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      hear(line);
    }
  });
}
