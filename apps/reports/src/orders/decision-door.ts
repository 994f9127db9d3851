import { answerSignal, ProblemException } from '#libs/platform';

/** What an order carries besides its body: whose it is, what they have seen, and its name. */
const PASSED_ON = ['authorization', 'if-match', 'idempotency-key'] as const;

/** What the answer of the decision service tells besides its body. */
const PASSED_BACK = new Set(['content-type', 'etag', 'retry-after', 'idempotency-replayed', 'www-authenticate']);

/** An order takes as long as it takes every router to follow it, or 2 s. */
const LONGEST_ANSWER_MS = 15_000;

export interface Question {
  readonly method: 'GET' | 'POST';
  /** Below the decision service. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as they came; none with GET. */
  readonly body?: Uint8Array | undefined;
}

export interface DecisionAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The page's way to the decision service: a browser talks to one server alone, and sends the caller's token with each question. */
export class DecisionDoor {
  constructor(private readonly url: string | undefined) {}

  /** Whether anybody has said where the decision service is. */
  get isKnown(): boolean {
    return this.url !== undefined;
  }

  /** @throws ProblemException 503 where nobody knows the decision service, or it does not answer */
  async ask({ method, path, headers, body }: Question): Promise<DecisionAnswer> {
    if (this.url === undefined) throw unknownAddress();
    const sent = PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]]));
    if (body !== undefined) sent.push(['content-type', String(headers['content-type'] ?? 'application/json')]);
    try {
      const answer = await fetch(new URL(path, this.url), {
        method,
        headers: Object.fromEntries(sent) as Record<string, string>,
        redirect: 'manual',
        signal: answerSignal(LONGEST_ANSWER_MS),
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      });
      if (answer.status >= 300 && answer.status < 400)
        throw new Error(`it sends elsewhere, with status ${answer.status}`);
      return {
        status: answer.status,
        headers: Object.fromEntries([...answer.headers].filter(([name]) => PASSED_BACK.has(name))),
        body: new Uint8Array(await answer.arrayBuffer()),
      };
    } catch (error) {
      throw noAnswer(error as Error);
    }
  }
}

function unknownAddress(): ProblemException {
  const detail = 'REPORTS_DECISION_URL=(not set): orders can not be given here; use teststrip or the decision service';
  return new ProblemException({ title: 'No decision service', status: 503, detail });
}

function noAnswer({ message, cause }: Error): ProblemException {
  const why = cause instanceof Error ? cause.message : message;
  const detail = `The decision service did not answer (${why}). Whether the order was taken is not known: sending it again with the same Idempotency-Key is safe`;
  return new ProblemException({ title: 'The decision service does not answer', status: 503, detail });
}
