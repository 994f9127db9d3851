import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { topics } from '#libs/contracts';
import type { EventPublisher } from '#libs/messaging';
import type { FactReader } from '#libs/persistence/reports';
import { ProblemException, type Clock } from '#libs/platform';

/** What a client says of a picture it was shown. */
export const feedbackBody = z
  .strictObject({
    requestId: z
      .string()
      .min(1)
      .max(256)
      .meta({ examples: ['0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e'] }),
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

export interface FeedbackHeaders {
  /** The same key for the same request counts once, however often it is sent; up to 255 characters. */
  readonly idempotencyKey?: string | undefined;
  /** W3C trace context of the request that gave the feedback. */
  readonly traceparent?: string | undefined;
}

/** Characters; the key becomes part of the event's id, by which its fact is found. */
const LONGEST_KEY = 255;

/** Takes feedback, finds out under which assignment the picture was made, and publishes it. */
export class FeedbackDesk {
  constructor(
    private readonly facts: FactReader,
    private readonly publisher: EventPublisher,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns the event's id.
   * @throws ProblemException 404 when the request is not recorded (yet); 400 for a key that is too long.
   */
  async take(body: FeedbackBody, { idempotencyKey, traceparent }: FeedbackHeaders = {}): Promise<string> {
    if (idempotencyKey !== undefined && idempotencyKey.length > LONGEST_KEY) {
      const detail = `idempotency-key: expected up to ${LONGEST_KEY} characters, found ${idempotencyKey.length}`;
      throw new ProblemException({ title: 'The key is too long', status: 400, detail });
    }
    const request = await this.facts.request(body.requestId);
    if (!request) {
      throw new ProblemException({
        title: 'Unknown request',
        status: 404,
        detail: `No request "${body.requestId}" is recorded. It may have been answered a moment ago: trying again after a second can help.`,
      });
    }
    const givenAtMs = this.clock.nowMs();
    const id = idempotencyKey === undefined ? randomUUID() : `feedback:${body.requestId}:${idempotencyKey}`;
    await this.publisher.publish([
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
