import { createHash } from 'node:crypto';
import { HttpException, Logger, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { KeyedOrder, OrderAnswer, OrderAnswerStore } from '#libs/persistence/decision';
import { callerOf, ProblemException, type Problem, type ReadRequest } from '#libs/platform';
import { lastValueFrom, of, type Observable } from 'rxjs';
import { ACTOR_HEADER } from './experiments.controller.js';

/** Header with the name that a client gives one order, so that it can be sent again. */
export const KEY_HEADER = 'idempotency-key';
/** Header of an answer that was given before. */
const REPEATED_HEADER = 'idempotency-replayed';
const LONGEST_KEY = 255;
/** Seconds after which an order that was under way has mostly been answered. */
const AGAIN_AFTER_S = 1;
/** What else, besides address and body, says what is ordered. */
const TELLING_HEADERS = ['if-match', 'content-type', ACTOR_HEADER] as const;

type OrderRequest = Request & Pick<ReadRequest, 'rawBody'>;

/**
 * Carries out an order with `Idempotency-Key` once: sent again, it gets the answer that it got, refusals included, also from another process
 * and after a restart. What failed (5xx) is not kept, so that it can be tried again.
 */
export class OncePerKey implements NestInterceptor {
  private readonly logger = new Logger('orders');

  constructor(private readonly answers: OrderAnswerStore) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<OrderRequest>();
    const order = keyedOrder(request);
    if (order === undefined) return next.handle();
    const response = context.switchToHttp().getResponse<Response>();
    const standing = await this.answers.begin(order);
    if (standing === 'under-way') throw underWay(order);
    if (standing === 'another-order') throw anotherOrder(order);
    return standing === 'yours' ? of(await this.carryOut(order, next, response)) : of(repeat(standing, response));
  }

  private async carryOut(order: KeyedOrder, next: CallHandler, response: Response): Promise<unknown> {
    try {
      const body: unknown = await lastValueFrom(next.handle());
      const etag = response.getHeader('etag')?.toString() ?? null;
      await this.keep(order, { status: response.statusCode, etag, body: JSON.stringify(body) });
      return body;
    } catch (error) {
      await this.keepRefusal(order, error);
      throw error;
    }
  }

  private async keepRefusal(order: KeyedOrder, error: unknown): Promise<void> {
    if (error instanceof HttpException && error.getStatus() < 500)
      await this.keep(order, { status: error.getStatus(), etag: null, body: JSON.stringify(error.getResponse()) });
    else await this.answers.forget(order).catch((failure: Error) => this.tell(order, failure));
  }

  /** What was decided is decided, whether or not the answer can be kept. */
  private async keep(order: KeyedOrder, answer: OrderAnswer): Promise<void> {
    await this.answers.keep(order, answer).catch((failure: Error) => this.tell(order, failure));
  }

  private tell({ caller, key }: KeyedOrder, { message }: Error): void {
    const what = JSON.stringify(key);
    this.logger.warn(
      `the answer to the order ${what} of ${caller} was not kept, a repeat may be decided anew: ${message}`,
    );
  }
}

/** @throws ProblemException 400 for a key that can't be one */
function keyedOrder(request: OrderRequest): KeyedOrder | undefined {
  const { method, headers } = request;
  const key = headers[KEY_HEADER]?.toString();
  if (key === undefined || method === 'GET' || method === 'HEAD') return undefined;
  if (!/^[\x20-\x7e]+$/.test(key) || key.length > LONGEST_KEY) {
    const detail = `${KEY_HEADER}: expected 1 to ${LONGEST_KEY} printable ASCII characters, found ${key.length} characters`;
    throw new ProblemException({ title: 'Invalid request', status: 400, detail });
  }
  return { caller: callerOf(request).name ?? '', key, request: digestOf(request) };
}

function digestOf({ method, originalUrl, headers, rawBody }: OrderRequest): string {
  const told = TELLING_HEADERS.map((name) => headers[name] ?? null);
  return createHash('sha256')
    .update(JSON.stringify([method, originalUrl, ...told]))
    .update(rawBody ?? '')
    .digest('hex');
}

function repeat({ status, etag, body }: OrderAnswer, response: Response): unknown {
  response.setHeader(REPEATED_HEADER, 'true');
  const told: unknown = JSON.parse(body);
  if (status >= 400) throw new ProblemException(told as Problem);
  response.status(status);
  if (etag !== null) response.setHeader('etag', etag);
  return told;
}

function underWay({ key }: KeyedOrder): ProblemException {
  const detail = `${KEY_HEADER}: ${key}: this order is being carried out; send it again in ${AGAIN_AFTER_S} s for its answer`;
  const type = 'urn:teststrip:order-under-way';
  return new ProblemException({ type, title: 'Under way', status: 409, detail }, AGAIN_AFTER_S);
}

function anotherOrder({ key }: KeyedOrder): ProblemException {
  const detail = `${KEY_HEADER}: ${key}: you have sent another order with this key; expected a new one for each order`;
  return new ProblemException({ title: 'The key is taken', status: 422, detail });
}
