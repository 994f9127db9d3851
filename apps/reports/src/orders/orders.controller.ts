import { Controller, Get, Header, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import { ProblemException, type ReadRequest } from '#libs/platform';
import { DECISION_DOOR } from '../tokens.js';
import { DecisionDoor, type Question } from './decision-door.js';

/** What can be ordered about an experiment from the page, as the decision service calls it. */
export const PAGE_ORDERS = ['pause', 'resume', 'approve', 'promote', 'rollback', 'drop-arm', 'new-attempt'] as const;

/** What can be ordered about a service from the page: a freeze of all its ramps, its end, and that what was rolled back may be tried again. */
export const PAGE_SERVICE_ORDERS = ['pause', 'resume', 'retry'] as const;

type Asked = Pick<Question, 'method' | 'path'>;

/** Orders of people, passed on to the decision service with their tokens; what it answers is passed back as it is. */
@Controller('api')
export class OrdersController {
  constructor(@Inject(DECISION_DOOR) private readonly door: DecisionDoor) {}

  /** The experiment as the decision service sees it, with the `ETag` that an order may name in `If-Match`. */
  @Get('experiments/:experiment/orders')
  @Header('cache-control', 'no-store')
  standing(@Param('experiment') key: string, @Req() request: ReadRequest, @Res() response: Response): Promise<void> {
    return this.pass({ method: 'GET', path: experimentPath(key) }, request, response);
  }

  @Post('experiments/:experiment/orders/:order')
  order(
    @Param('experiment') key: string,
    @Param('order') order: string,
    @Req() request: ReadRequest,
    @Res() response: Response,
  ): Promise<void> {
    expectOneOf(PAGE_ORDERS, order);
    return this.pass({ method: 'POST', path: `${experimentPath(key)}/${order}` }, request, response);
  }

  /** The service as the decision service sees it: what it serves, and what was rolled back from it. */
  @Get('services/:service/orders')
  @Header('cache-control', 'no-store')
  service(@Param('service') name: string, @Req() request: ReadRequest, @Res() response: Response): Promise<void> {
    return this.pass({ method: 'GET', path: servicePath(name) }, request, response);
  }

  @Post('services/:service/orders/:order')
  serviceOrder(
    @Param('service') name: string,
    @Param('order') order: string,
    @Req() request: ReadRequest,
    @Res() response: Response,
  ): Promise<void> {
    expectOneOf(PAGE_SERVICE_ORDERS, order);
    return this.pass({ method: 'POST', path: `${servicePath(name)}/${order}` }, request, response);
  }

  private async pass({ method, path }: Asked, request: ReadRequest, response: Response): Promise<void> {
    const body = method === 'POST' ? (request.rawBody ?? Buffer.from('{}')) : undefined;
    const answer = await this.door.ask({ method, path, headers: request.headers, body });
    response.status(answer.status).set(answer.headers).send(Buffer.from(answer.body));
  }
}

function experimentPath(key: string): string {
  return `/v1/experiments/${segmentOf(key)}`;
}

function servicePath(name: string): string {
  return `/v1/services/${segmentOf(name)}`;
}

/** A name as one part of a path. @throws ProblemException 404 for those that lead out of theirs, to another route */
function segmentOf(name: string): string {
  if (name !== '.' && name !== '..') return encodeURIComponent(name);
  throw new ProblemException({ title: 'Unknown', status: 404, detail: `nothing is called "${name}"` });
}

/** @throws ProblemException 404 that names the orders that there are */
function expectOneOf(orders: readonly string[], order: string): void {
  if (orders.includes(order)) return;
  const detail = `There is no order "${order}"; expected ${orders.join(', ')}`;
  throw new ProblemException({ title: 'No such order', status: 404, detail });
}
