import { Body, Controller, Headers, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { MOST_LEVELS, tooDeepInJson } from '#libs/contracts';
import { Caller, ProblemException, UnreadBody, type Identity } from '#libs/platform';
import { EVENTS_DESK } from '../tokens.js';
import { EventsDesk, ONE_EVENT, type EventAnswer } from './events-desk.js';
import { elementsOf, NoListError } from './split-batch.js';

/** Bytes of a request, unpacked. */
export const LARGEST_EVENTS_BYTES = 8 * 1024 * 1024;
export const MOST_EVENTS = 1_000;

/** Media type of a list of them. */
export const MANY_EVENTS = 'application/cloudevents-batch+json';

/** An answer to a batch. */
interface BatchAnswer {
  readonly taken: number;
  readonly refused: number;
  /** In the order in which they were sent. */
  readonly events: readonly EventAnswer[];
}

@Controller('v1/events')
export class EventsController {
  constructor(@Inject(EVENTS_DESK) private readonly desk: EventsDesk) {}

  /** 202: all of them are durable on the bus. 207: some are, and each says what became of it. */
  @Post()
  @HttpCode(202)
  async take(
    @Body() body: unknown,
    @Caller() caller: Identity,
    @Res({ passthrough: true }) response: { status(code: number): unknown },
    @Headers('traceparent') trace?: string,
  ): Promise<BatchAnswer | EventAnswer> {
    const { texts, isOne } = await eventsIn(body);
    const events = await this.desk.take(texts, caller, trace);
    if (isOne) return orRefusal(events[0]!);
    refuseStranger(events);
    const taken = events.filter(({ status }) => status === 202).length;
    if (taken < events.length) response.status(207);
    return { taken, refused: events.length - taken, events };
  }
}

/** @throws ProblemException 413, 415, or 400 for what is no list of events */
async function eventsIn(body: unknown): Promise<{ readonly texts: readonly string[]; readonly isOne: boolean }> {
  const mediaType = body instanceof UnreadBody ? body.mediaType : undefined;
  if (!(body instanceof UnreadBody) || (mediaType !== ONE_EVENT && mediaType !== MANY_EVENTS)) {
    const detail = `content-type: ${mediaType ?? 'none'}: expected ${MANY_EVENTS} or ${ONE_EVENT}`;
    throw new ProblemException({ title: 'The body has a media type that is not understood', status: 415, detail });
  }
  const text = await body.text(LARGEST_EVENTS_BYTES);
  if (tooDeepInJson(text) !== undefined) throw noEvents(`nested in more than ${MOST_LEVELS} levels`);
  if (mediaType === ONE_EVENT) return { texts: [text], isOne: true };
  const texts = listIn(text);
  if (texts.length <= MOST_EVENTS) return { texts, isOne: false };
  const detail = `${texts.length} events: expected ${MOST_EVENTS} at most, send the others in another request`;
  throw new ProblemException({ title: 'Too many events', status: 413, detail });
}

function listIn(text: string): readonly string[] {
  try {
    return elementsOf(text);
  } catch (error) {
    if (error instanceof NoListError) throw noEvents(error.message);
    throw error;
  }
}

function noEvents(detail: string): ProblemException {
  return new ProblemException({ title: 'The body can not be read', status: 400, detail });
}

/** @throws ProblemException 403 for somebody who may send none of all these */
function refuseStranger(events: readonly EventAnswer[]): void {
  const [first] = events;
  if (!first || events.some(({ status }) => status !== 403)) return;
  throw new ProblemException({ title: 'Not allowed', status: 403, detail: first.detail ?? '', problems: events });
}

function orRefusal(answer: EventAnswer): EventAnswer {
  const { id, status, detail = '' } = answer;
  if (status === 202) return answer;
  throw new ProblemException({ title: `The event ${id ?? ''} is not taken`.replace('  ', ' '), status, detail });
}
