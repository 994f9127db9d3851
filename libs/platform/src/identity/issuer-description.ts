import { z } from 'zod';
import { parsedJson } from '#libs/contracts';
import { answerSignal } from '../answer-limit.js';
import { bytesUpTo } from '../http/bytes-up-to.js';

const ANSWER_WITHIN_MS = 5_000;
/** An issuer has a few keys. */
const LARGEST_ANSWER_BYTES = 1024 * 1024;

const discovery = z.object({
  issuer: z.string(),
  jwks_uri: z.url(),
  authorization_endpoint: z.url().optional(),
  token_endpoint: z.url().optional(),
});

/** What an issuer says of itself (OpenID Connect Discovery 1.0, §3). */
export type IssuerDescription = z.output<typeof discovery>;

/** @throws Error that says what is wrong with the answer */
export async function describeIssuer(issuer: string): Promise<IssuerDescription> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const described = discovery.parse(await jsonOfIssuer(url));
  if (described.issuer !== issuer) throw new Error(`${url} is about ${described.issuer}: expected ${issuer}`);
  return described;
}

/** @throws Error where an issuer does not answer with JSON and a status that says that all is well */
export async function jsonOfIssuer(url: string): Promise<unknown> {
  const { status, body } = await askIssuer(url);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return body;
}

/**
 * Asks an issuer within five seconds, follows it nowhere else, and reads a megabyte at most.
 * @param form sent with POST
 * @returns its body as JSON; undefined where it is none
 * @throws Error where it does not answer
 */
export async function askIssuer(
  url: string,
  form?: URLSearchParams,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(url, {
    signal: answerSignal(ANSWER_WITHIN_MS),
    redirect: 'manual',
    headers: { accept: 'application/json' },
    ...(form === undefined ? {} : { method: 'POST', body: form }),
  });
  const bytes = await bytesUpTo(LARGEST_ANSWER_BYTES, answer);
  if (bytes === undefined) throw new Error(`${url} answered more than ${LARGEST_ANSWER_BYTES} bytes`);
  return { status: answer.status, body: parsedJson(bytes.toString('utf8')) };
}
