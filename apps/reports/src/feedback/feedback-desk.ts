import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { FEEDBACK_TOKEN_HEADER, topics } from '#libs/contracts';
import type { EventPublisher } from '#libs/messaging';
import type { FactReader } from '#libs/persistence/reports';
import type { FeedbackLimits } from './feedback-limits.js';
import { ProblemException, type Clock, type FeedbackTokens } from '#libs/platform';

/** What a client says of a picture it was shown. */
export const feedbackBody = z
  .strictObject({
    requestId: z
      .string()
      .min(1)
      .max(256)
      .meta({ examples: ['0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e'] }),
    /** What the answer to the request had in `teststrip-feedback-token`. */
    token: z.string().max(256).optional(),
    generationId: z.string().min(1).max(256).optional(),
    kind: z.enum(['thumb-up', 'thumb-down', 'rating', 'download', 'share', 'regenerate']),
    /** 1–5, with kind "rating" only. */
    rating: z.number().min(1).max(5).optional(),
  })
  .refine(({ kind, rating }) => (kind === 'rating') === (rating !== undefined), {
    path: ['rating'],
    message: 'expected a number from 1 to 5 with kind "rating", and none with any other kind',
  });
export type FeedbackBody = z.infer<typeof feedbackBody>;

export interface FeedbackSender {
  /** Who sends it. */
  readonly address: string;
  /** The same key for the same request counts once, however often it is sent; up to 255 characters. */
  readonly idempotencyKey?: string | undefined;
  /** W3C trace context of the request that gave the feedback. */
  readonly traceparent?: string | undefined;
}

/** Characters; the key becomes part of the event's id, by which its fact is found. */
const LONGEST_KEY = 255;

export interface FeedbackDeskOptions {
  readonly facts: Pick<FactReader, 'request'>;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  /** Undefined: feedback counts from whoever knows the id of a request. */
  readonly tokens: Pick<FeedbackTokens, 'isOf'> | undefined;
  readonly limits: FeedbackLimits;
}

/** Takes feedback, finds out under which assignment the picture was made, and publishes it. */
export class FeedbackDesk {
  constructor(private readonly options: FeedbackDeskOptions) {}

  /** @throws ProblemException 403 where it is not from whoever was given the answer. */
  private refuseStranger(body: FeedbackBody): void {
    const { tokens } = this.options;
    if (!tokens || tokens.isOf(body.requestId, body.token ?? '')) return;
    throw new ProblemException({
      title: 'The token is missing or wrong',
      status: 403,
      detail: `token: expected what the answer to request "${body.requestId}" had in the header ${FEEDBACK_TOKEN_HEADER}; routers give it that share DATA_DIR or FEEDBACK_KEY with this service`,
    });
  }

  /**
   * @returns the event's id.
   * @throws ProblemException 403 from somebody who was not given the answer, 404 when the request is not recorded (yet), 429 too often; 400 for a key
   *   that is too long.
   */
  async take(body: FeedbackBody, { address, idempotencyKey, traceparent }: FeedbackSender): Promise<string> {
    const { facts, publisher, clock, limits } = this.options;
    if (idempotencyKey !== undefined && idempotencyKey.length > LONGEST_KEY) {
      const detail = `idempotency-key: expected up to ${LONGEST_KEY} characters, found ${idempotencyKey.length}`;
      throw new ProblemException({ title: 'The key is too long', status: 400, detail });
    }
    limits.refuseClient(address);
    this.refuseStranger(body);
    limits.refuseRequest(body.requestId);
    const request = await facts.request(body.requestId);
    if (!request) {
      throw new ProblemException({
        title: 'Unknown request',
        status: 404,
        detail: `No request "${body.requestId}" is recorded. It may have been answered a moment ago: trying again after a second can help.`,
      });
    }
    const givenAtMs = clock.nowMs();
    const id = idempotencyKey === undefined ? randomUUID() : `feedback:${body.requestId}:${idempotencyKey}`;
    await publisher.publish([
      {
        type: topics.feedbackRecorded.name,
        id,
        timeMs: givenAtMs,
        subject: request.assignment?.unit ?? body.requestId,
        traceparent,
        data: {
          requestId: body.requestId,
          generationId: body.generationId ?? null,
          service: request.service,
          assignment: request.assignment,
          kind: body.kind,
          rating: body.rating ?? null,
          givenAt: new Date(givenAtMs).toISOString(),
        },
      },
    ]);
    return id;
  }
}
