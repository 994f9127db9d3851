import { Body, Controller, Headers, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { TRACEPARENT } from '#libs/contracts';
import { parseInput } from '#libs/platform';
import { FEEDBACK_DESK } from '../tokens.js';
import { FeedbackDesk, feedbackBody } from './feedback-desk.js';

@Controller('api/feedback')
export class FeedbackController {
  constructor(@Inject(FEEDBACK_DESK) private readonly desk: FeedbackDesk) {}

  /** Accepted: the feedback is durable on the bus; the analysis follows. */
  @Post()
  @HttpCode(202)
  async take(
    @Req() { socket }: Request,
    @Body() body: unknown,
    @Headers('idempotency-key') idempotencyKey?: string,
    @Headers('traceparent') trace?: string,
  ): Promise<{ readonly id: string }> {
    const traceparent = trace !== undefined && TRACEPARENT.test(trace) ? trace : undefined;
    const address = socket.remoteAddress ?? 'unknown';
    const given = parseInput(feedbackBody, body, 'body');
    return { id: await this.desk.take(given, { address, idempotencyKey, traceparent }) };
  }
}
