import { Body, Controller, Headers, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { TRACEPARENT } from '#libs/contracts';
import { parseInput, type TrustedProxies } from '#libs/platform';
import { FEEDBACK_DESK, TRUSTED_PROXIES } from '../tokens.js';
import { FeedbackDesk, feedbackBody } from './feedback-desk.js';

@Controller('api/feedback')
export class FeedbackController {
  constructor(
    @Inject(FEEDBACK_DESK) private readonly desk: FeedbackDesk,
    @Inject(TRUSTED_PROXIES) private readonly proxies: TrustedProxies,
  ) {}

  /** Accepted: the feedback is durable on the bus; the analysis follows. */
  @Post()
  @HttpCode(202)
  async take(
    @Req() request: Request,
    @Body() body: unknown,
    @Headers('idempotency-key') idempotencyKey?: string,
    @Headers('traceparent') trace?: string,
  ): Promise<{ readonly id: string }> {
    const traceparent = trace !== undefined && TRACEPARENT.test(trace) ? trace : undefined;
    const address = this.proxies.clientOf(request);
    const given = parseInput(feedbackBody, body, 'body');
    return { id: await this.desk.take(given, { address, idempotencyKey, traceparent }) };
  }
}
