import { connect as connectOpenly, isIP, type Socket } from 'node:net';
import { connect as connectByTls } from 'node:tls';
import type { KafkaSecurity } from './kafka-security.js';

/** A broker that is there will not have us as we come. The message says what mends that. */
export class KafkaRefusedError extends Error {
  override readonly name = 'KafkaRefusedError';

  constructor(
    message: string,
    {
      retriable = false,
      ...options
    }: ErrorOptions & {
      /** It may also be a broker that is about to end or to start. */
      readonly retriable?: boolean;
    } = {},
  ) {
    super(message, options);
    this.retriable = retriable;
  }

  /** As the client says of its errors whether another attempt may help. */
  readonly retriable: boolean;
}

/** A broker is taken to be away when it has not answered for so long. */
const ANSWER_TIMEOUT_MS = 5_000;
const SASL_HANDSHAKE = 17;
const VERSION = 1;
/** Answers of a broker to a handshake. Source: https://kafka.apache.org/protocol#protocol_error_codes */
const NO_ERROR = 0;
const UNSUPPORTED_MECHANISM = 33;
/** Of a listener on which nobody signs in. */
const ILLEGAL_SASL_STATE = 34;
/** What a TLS server answers to what is no TLS: an alert. */
const TLS_ALERT = 0x15;

/**
 * Asks the brokers, before the client does, how they want to be spoken to: the client takes a door that is closed to it for a broker that is away, and
 * tries on.
 * @throws KafkaRefusedError where a broker refuses and none takes us. Resolves where none answers: the client says that.
 */
export async function knock(brokers: readonly string[], security: KafkaSecurity): Promise<void> {
  const answers = await Promise.allSettled(brokers.map((broker) => knockAt(broker, security)));
  if (answers.some(({ status }) => status === 'fulfilled')) return;
  const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  const refusal = refusals.find((reason) => reason instanceof KafkaRefusedError);
  if (refusal) throw refusal;
}

/** @throws KafkaRefusedError; or an error of the connection, where the broker is away */
async function knockAt(broker: string, { ssl, sasl }: KafkaSecurity): Promise<void> {
  const mechanism = sasl?.mechanism.toUpperCase();
  const answer = await exchange(broker, ssl, handshake(mechanism ?? 'PLAIN')).catch((error: ConnectionTrouble) => {
    throw refusalIn(error, broker, ssl) ?? error;
  });
  if (answer[0] === TLS_ALERT && !ssl) throw speaksTls(broker, false);
  const { code, mechanisms } = readHandshake(answer);
  const offered = mechanisms.join(', ').toLowerCase();
  if (mechanism === undefined) {
    if (code === ILLEGAL_SASL_STATE || mechanisms.length === 0) return;
    throw new KafkaRefusedError(
      `${broker} wants clients to sign in: set KAFKA_SASL to one of what it offers (${offered}), with its name and password or its token`,
    );
  }
  if (code === NO_ERROR) return;
  if (code === UNSUPPORTED_MECHANISM) {
    throw new KafkaRefusedError(
      `${broker} does not take KAFKA_SASL=${mechanism.toLowerCase()}, it offers ${offered || 'nothing'}: set KAFKA_SASL to one of these, or have the broker allow it (sasl.enabled.mechanisms)`,
    );
  }
  if (code === ILLEGAL_SASL_STATE) {
    throw new KafkaRefusedError(
      `nobody signs in at ${broker}, and KAFKA_SASL=${mechanism.toLowerCase()} is set: leave it out, or name the port of the broker's listener with SASL in KAFKA_BROKERS`,
    );
  }
}

type ConnectionTrouble = Error & { readonly code?: string };

/** The certificate is signed by nobody whom we trust. */
const UNTRUSTED =
  /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED)$/;
/** Alerts of a broker to a client without the right certificate, by name as OpenSSL has them. */
const OURS_REFUSED =
  /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED)$/;
const NO_TLS = /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_HTTP_REQUEST|EPROTO)$/;

/** undefined: the broker is away, or nobody knows. */
function refusalIn(
  { code = '', message: words }: ConnectionTrouble,
  broker: string,
  ssl: KafkaSecurity['ssl'],
): KafkaRefusedError | undefined {
  // Of "…:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/…:SSL alert number 116".
  const message = /SSL routines:[^:]*:([^:]+)/.exec(words)?.[1] ?? words.trim();
  if (!ssl) return code === CLOSED ? speaksTls(broker, true) : undefined;
  if (UNTRUSTED.test(code)) {
    const whose = ssl.ca === undefined ? 'the authorities that Node.js knows' : 'those in KAFKA_TLS_CA';
    return new KafkaRefusedError(
      `the certificate of ${broker} is signed by none of ${whose} (${message}): give the certificate of its authority, in PEM, in KAFKA_TLS_CA`,
    );
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new KafkaRefusedError(
      `${broker} has a certificate of another name (${message}): name brokers in KAFKA_BROKERS and advertised.listeners as their certificates do, or have this name added`,
    );
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return new KafkaRefusedError(
      `the certificate of ${broker} is not valid now (${message}): have it renewed, or set the clock of this machine`,
    );
  if (OURS_REFUSED.test(code)) {
    const what = ssl.cert === undefined ? 'wants a certificate of clients' : 'does not take the one in KAFKA_TLS_CERT';
    return new KafkaRefusedError(
      `${broker} ${what} (${message}): give one, with its key, in KAFKA_TLS_CERT and KAFKA_TLS_KEY that an authority has signed which the broker trusts (ssl.truststore)`,
    );
  }
  if (NO_TLS.test(code) || code === CLOSED) {
    return new KafkaRefusedError(
      `${broker} does not speak TLS there: name the port of its TLS listener in KAFKA_BROKERS, or set KAFKA_TLS=off in a network that nobody else reads`,
      { retriable: code === CLOSED },
    );
  }
  return undefined;
}

function speaksTls(broker: string, retriable: boolean): KafkaRefusedError {
  return new KafkaRefusedError(
    `${broker} closes connections without TLS: set KAFKA_TLS=on (and KAFKA_TLS_CA where its authority is your own), or name its open port in KAFKA_BROKERS`,
    { retriable },
  );
}

/** Ours for a connection that was closed by a broker that had taken it, before a word was said. */
const CLOSED = 'CLOSED_BY_BROKER';

/** Sends one request and waits for the beginning of the answer. @throws ConnectionTrouble */
function exchange(broker: string, ssl: KafkaSecurity['ssl'], request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let isThere = false;
    const { host, port } = hostAndPort(broker);
    const socket: Socket = ssl
      ? connectByTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, () => socket.write(request))
      : connectOpenly({ host, port }, () => socket.write(request));
    const fail = (error: ConnectionTrouble): void => {
      socket.destroy();
      const isBrokenOff = isThere && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(isBrokenOff ? Object.assign(error, { code: CLOSED }) : error);
    };
    socket.on('connect', () => (isThere = true));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => fail(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)));
    socket.on('error', fail);
    socket.on('close', () => fail(Object.assign(new Error('the connection was closed'), { code: CLOSED })));
    socket.once('data', (answer) => {
      resolve(answer);
      socket.destroy();
    });
  });
}

/** Of a broker as it is named in KAFKA_BROKERS. */
export function hostAndPort(broker: string): { readonly host: string; readonly port: number } {
  const at = broker.lastIndexOf(':');
  return { host: broker.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(broker.slice(at + 1)) };
}

/** SaslHandshake request (version 1). Source: https://kafka.apache.org/protocol#The_Messages_SaslHandshake */
function handshake(mechanism: string): Buffer {
  const body = Buffer.concat([int16(SASL_HANDSHAKE), int16(VERSION), int32(0), text('teststrip'), text(mechanism)]);
  return Buffer.concat([int32(body.length), body]);
}

function readHandshake(answer: Buffer): { readonly code: number; readonly mechanisms: readonly string[] } {
  try {
    // Its length, and the number of the request.
    let at = 8;
    const code = answer.readInt16BE(at);
    const count = answer.readInt32BE((at += 2));
    at += 4;
    const mechanisms = Array.from({ length: count }, () => {
      const length = answer.readInt16BE(at);
      const name = answer.toString('utf8', at + 2, at + 2 + length);
      at += 2 + length;
      return name;
    });
    return { code, mechanisms };
  } catch {
    // Cut off, or no answer of Kafka's: the client finds out.
    return { code: NO_ERROR, mechanisms: [] };
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}
