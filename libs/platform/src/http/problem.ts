import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';

/** Problem details (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** One entry per thing that is wrong, where several are. */
  readonly problems?: readonly unknown[];
  /** Findings of health checks by name. */
  readonly checks?: Readonly<Record<string, unknown>>;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** Thrown by services to answer with problem+json; `detail` says what failed, the value and what was expected. */
export class ProblemException extends HttpException {
  /** @param retryAfterS in how many seconds the same request may well succeed: `retry-after` of the answer */
  constructor(
    problem: Omit<Problem, 'type'> & { readonly type?: string },
    readonly retryAfterS?: number,
  ) {
    super({ type: 'about:blank', ...problem }, problem.status);
  }
}

interface JsonResponse {
  headersSent: boolean;
  setHeader(name: string, value: string): unknown;
  status(code: number): this;
  type(contentType: string): this;
  send(body: string): void;
}

/** In how many seconds what was away may well be back: a database that starts anew, or has answered too late. */
const BACK_WITHIN_S = 2;

/** Turns every exception of an HTTP handler into problem+json; what nobody expected is logged and answered without its insides. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');

  /** @param isAway whether an error says that something outside, which the app needs, can't be reached and may come by itself */
  constructor(private readonly isAway: (error: unknown) => boolean) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const exception = this.orAway(thrown);
    const response = host.switchToHttp().getResponse<JsonResponse>();
    if (response.headersSent) return;
    const problem = this.problemOf(exception);
    if (exception instanceof ProblemException && exception.retryAfterS !== undefined)
      response.setHeader('retry-after', String(exception.retryAfterS));
    response.status(problem.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(problem));
  }

  private orAway(thrown: unknown): unknown {
    if (thrown instanceof HttpException || !(thrown instanceof Error) || !this.isAway(thrown)) return thrown;
    this.logger.warn(`a request is answered 503: ${thrown.message}`);
    const detail =
      'The database that this service works with does not answer at the moment, the log of this service says how. Ask again';
    return new ProblemException({ title: 'Not at the moment', status: 503, detail }, BACK_WITHIN_S);
  }

  private problemOf(exception: unknown): Problem {
    if (exception instanceof HttpException) return problemOfHttp(exception);
    const status = (exception as { status?: unknown }).status;
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return { type: 'about:blank', title: 'Bad request', status, detail: (exception as Error).message };
    }
    this.logger.error((exception as Error)?.stack ?? String(exception));
    return {
      type: 'about:blank',
      title: 'Internal error',
      status: 500,
      detail: 'Something failed that was not expected; the log of this service says what. Trying again may help.',
    };
  }
}

function problemOfHttp(exception: HttpException): Problem {
  const body = exception.getResponse();
  const status = exception.getStatus();
  if (typeof body === 'object' && 'type' in body && 'title' in body) return { ...(body as Problem), status };
  return { type: 'about:blank', title: exception.name.replace(/Exception$/, ''), status, detail: exception.message };
}
