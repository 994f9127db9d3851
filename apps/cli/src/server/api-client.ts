import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import { messageAt, parsedJson } from '#libs/contracts';
import { bytesUpTo, withoutTrailingSlashes } from '#libs/platform';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { problemInWords, readProblem, type ServerProblem } from './server-problem.js';

/** Longer than a server waits for locked rows before it says so. */
const ANSWER_WITHIN_MS = 30_000;
/** How often one request is sent at most, where somebody listens. */
const ATTEMPTS = 3;
const AGAIN_AFTER_MS = 1_000;
/** A server that went while it had a request is mostly being started anew, and is waited for so long. */
const BACK_WITHIN_MS = 30_000;
/** More is no answer of Teststrip's. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;

export interface Addressed {
  /** "decision service" */
  readonly what: string;
  readonly url: string;
  readonly token: string | undefined;
  /** Which option or context says where it is, for messages. */
  readonly how: string;
  /** How to say who one is, where a stored token does not go. Default: also by `teststrip login`. */
  readonly logIn?: string;
  /** Longest wait for an answer, ms. Default: longer than a server waits for locked rows. */
  readonly answerWithinMs?: number;
}

interface Exchanged {
  readonly response: Response;
  readonly text: string;
}

interface Sent {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a server answers that can't answer at present, or something before it that can't reach it: the same may be answered in a moment. */
const NOT_AT_PRESENT: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** A server that refused, or can't answer at present: its words, and what they are about. */
export class RefusedByServer extends CommandFailure {
  constructor(
    readonly problem: ServerProblem,
    message: string,
  ) {
    super(NOT_AT_PRESENT.has(problem.status) ? exitCodes.unreachable : exitCodes.refused, message);
  }
}

/** One of Teststrip's servers, as commands ask it. */
export class ApiClient {
  constructor(private readonly server: Addressed) {}

  /** @throws CommandFailure where nobody answers, RefusedByServer where the answer is no. */
  get(path: string): Promise<unknown> {
    return this.ask('GET', path, {});
  }

  send(method: 'POST' | 'PUT', path: string, body: unknown): Promise<unknown> {
    return this.order(method, path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  }

  /** Sends a file as it is, so that lines in messages are those of the file. */
  sendFile(path: string, body: Buffer, headers: Readonly<Record<string, string>>): Promise<unknown> {
    return this.order('POST', path, { body, headers: { ...headers, 'content-type': 'application/yaml' } });
  }

  /**
   * What a command needs of an answer.
   * @throws CommandFailure where the server is of another version, or another server.
   */
  read<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.output<Schema> {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue ? messageAt(issue.path, issue.message) : 'something else was expected';
    const text = `${this.server.url} answered something that this command does not know (${where}): is it of the same version?`;
    throw new CommandFailure(exitCodes.unreachable, text);
  }

  /** Under a key of its own, so that it is decided once even where it has to be sent again. */
  private order(method: string, path: string, sent: Sent): Promise<unknown> {
    return this.ask(method, path, { ...sent, headers: { ...sent.headers, 'idempotency-key': randomUUID() } });
  }

  private async ask(method: string, path: string, sent: Sent): Promise<unknown> {
    const { response, text } = await this.insist(method, path, sent);
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    const body = isJson ? parsedJson(text) : undefined;
    if (response.ok && body !== undefined) return body;
    const problem = readProblem(response.status, body);
    if (problem === undefined || isOfNoRoute(problem, `${method} ${path}`)) throw this.notOurs(response);
    throw new RefusedByServer(problem, problemInWords(problem, this.server.logIn));
  }

  /** Sends again what was mostly received, but whose answer was lost or is not there yet. */
  private async insist(method: string, path: string, sent: Sent): Promise<Exchanged> {
    let lostAtMs: number | undefined;
    for (let attempt = 1; ;) {
      try {
        const exchanged = await this.exchange(method, path, sent);
        if (!exchanged.response.headers.has('retry-after') || attempt >= ATTEMPTS) return exchanged;
        attempt += 1;
      } catch (error) {
        if (isBroken(error)) {
          lostAtMs ??= performance.now();
          attempt += 1;
        }
        const isAwaited = lostAtMs !== undefined && performance.now() - lostAtMs < BACK_WITHIN_MS;
        if (!isAwaited || attempt > ATTEMPTS) throw this.unreachable(error, lostAtMs !== undefined && method !== 'GET');
      }
      await pause(AGAIN_AFTER_MS);
    }
  }

  private async exchange(method: string, path: string, { body, headers }: Sent): Promise<Exchanged> {
    const { url, token, answerWithinMs = ANSWER_WITHIN_MS } = this.server;
    const response = await fetch(addressOf(url, path), {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
      headers: {
        accept: 'application/json',
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      // A token is for this address alone.
      redirect: 'manual',
      signal: AbortSignal.timeout(answerWithinMs),
    });
    return { response, text: await shortText(response) };
  }

  /** @param isOrder that it may have taken */
  private unreachable(error: unknown, isOrder: boolean): CommandFailure {
    const { what, url, how, answerWithinMs = ANSWER_WITHIN_MS } = this.server;
    const cause = causeOf(error, answerWithinMs);
    const text = isOrder
      ? `The ${what} at ${url} went before it answered, and did not come back: ${cause}. Whether the order was taken is not known: look at what it says when it is there again.`
      : `The ${what} can't be reached at ${url}: ${cause}. Is it running there? ${how}`;
    return new CommandFailure(exitCodes.unreachable, text);
  }

  private notOurs({ status }: Response): CommandFailure {
    const { what, url, how } = this.server;
    const text = `${url} answered ${status}, and not as Teststrip's ${what} does. ${how}`;
    return new CommandFailure(exitCodes.unreachable, text);
  }
}

/** Another of Teststrip's servers, which has no such address; ours names in a 404 what it does not know, and never the request itself. */
function isOfNoRoute({ status, detail }: ServerProblem, request: string): boolean {
  return status === 404 && (detail === `Cannot ${request}` || detail.startsWith(`${request}: `));
}

/** Below whatever path the server's address has: an ingress may serve it there. */
function addressOf(url: string, path: string): URL {
  return new URL(`${withoutTrailingSlashes(url)}${path}`);
}

async function shortText(response: Response): Promise<string> {
  const announced = Number(response.headers.get('content-length') ?? 0);
  if (announced > LARGEST_ANSWER_BYTES) throw new Error(`an answer of ${announced} bytes`);
  const bytes = await bytesUpTo(LARGEST_ANSWER_BYTES, response);
  if (bytes === undefined) throw new Error(`an answer of more than ${LARGEST_ANSWER_BYTES} bytes`);
  return new TextDecoder().decode(bytes);
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host can not be looked up',
  ETIMEDOUT: 'no answer in time',
  ECONNRESET: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
};

function causeOf(error: unknown, answerWithinMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${answerWithinMs / 1_000} s`;
  const { inner, code } = innermost(error);
  if (code !== undefined) return CAUSES[code] ?? code;
  return inner instanceof Error ? inner.message : error.message;
}

/** Whether the connection broke with the request under way. */
function isBroken(error: unknown): boolean {
  const { code } = innermost(error);
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET';
}

function innermost(error: unknown): { readonly inner: unknown; readonly code: string | undefined } {
  const { cause } = (error ?? {}) as { readonly cause?: unknown };
  const inner = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  return { inner, code: ((inner ?? {}) as { readonly code?: string }).code };
}
