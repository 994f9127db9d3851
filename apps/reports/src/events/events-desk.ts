import { setImmediate as turn } from 'node:timers/promises';
import {
  decodeStructuredEvent,
  isoTime,
  MalformedEventError,
  topics,
  TRACEPARENT,
  type MendKind,
  type TeststripEvent,
} from '#libs/contracts';
import { RecordRefusedError, type EventBus, type OutgoingRecord } from '#libs/messaging';
import type { FactReader } from '#libs/persistence/reports';
import { EVERY_SERVICE, hasRole, ProblemException, type Clock, type Identity, type Role } from '#libs/platform';
import { within } from '#libs/telemetry';
import type { EventsMetrics } from './events-metrics.js';

/** What other people's programs tell. Orders and what follows from them are told by nobody but the system itself. */
export const TAKEN_TOPICS = [
  topics.generationCompleted.name,
  topics.imageScored.name,
  topics.feedbackRecorded.name,
] as const;
type TakenEvent = TeststripEvent<(typeof TAKEN_TOPICS)[number]>;

/** Attributes that need not be sent: the time is that of arrival, and the subject the unit. */
const FILLED_IN: ReadonlySet<MendKind> = new Set(['no-time', 'no-subject']);

/** Media type of one event in the structured mode of CloudEvents. */
export const ONE_EVENT = 'application/cloudevents+json';

/** Who may send events of a service. */
export const SENDER: Role = 'reporter';

/** Between two turns of the event loop: others are answered meanwhile. */
const EVENTS_PER_TURN = 50;
const PUBLISHED_WITHIN_MS = 10_000;

/** What became of one event. */
export interface EventAnswer {
  /** Null where it could not be read. */
  readonly id: string | null;
  /** 202: it is durable. 403, 404, 413 and 422 would be the same another time, but 404. */
  readonly status: 202 | 403 | 404 | 413 | 422;
  /** Why not. */
  readonly detail?: string;
  /** What was read for what it means, where anything was; docs/telemetry.md has the kinds. */
  readonly mended?: readonly string[];
}

/** An event that may be published, or the reason why it may not. */
type Looked = { readonly event: TakenEvent; readonly record: OutgoingRecord } | { readonly refused: EventAnswer };

export interface EventsDeskOptions {
  readonly bus: Pick<EventBus, 'publish'>;
  readonly facts: Pick<FactReader, 'definitions'>;
  readonly metrics: EventsMetrics;
  readonly clock: Clock;
}

/** Takes events of programs that have no client of the bus, and publishes each as it was sent. */
export class EventsDesk {
  constructor(private readonly options: EventsDeskOptions) {}

  /**
   * One answer for each event, in their order.
   * @param texts events in the structured mode of CloudEvents
   * @param traceparent of the request, for events that have none of their own
   * @throws ProblemException 503 where the bus does not take them: all may be sent again, those that it has taken count once.
   */
  async take(texts: readonly string[], caller: Identity, traceparent?: string): Promise<readonly EventAnswer[]> {
    const services = new Map<string, Promise<string | undefined>>();
    const looked: Looked[] = [];
    for (const text of texts) {
      looked.push(await this.look(text, { caller, services, traceparent }));
      if (looked.length % EVENTS_PER_TURN === 0) await turn();
    }
    const refusals = await this.publish(withoutRepeats(looked));
    const answers = looked.map((one): EventAnswer => {
      if ('refused' in one) return one.refused;
      const { event } = one;
      const detail = refusals.get(keyOf(event));
      if (detail !== undefined) return { id: event.id, status: 413, detail };
      const mended = (event.mended ?? []).filter((kind) => !FILLED_IN.has(kind));
      return { id: event.id, status: 202, ...(mended.length === 0 ? {} : { mended }) };
    });
    for (const [index, one] of looked.entries())
      this.options.metrics.count('event' in one ? one.event.type : 'unknown', answers[index]!.status);
    return answers;
  }

  private async look(text: string, { caller, services, traceparent }: Sender): Promise<Looked> {
    let event: TakenEvent;
    try {
      event = decodeStructuredEvent(text, TAKEN_TOPICS) as TakenEvent;
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
      return { refused: { id: null, status: 422, detail: error.message } };
    }
    const refused = await this.refusalOf(event, caller, services);
    return refused
      ? { refused }
      : {
          event,
          record: recordOf(text, event, { trace: traceparent, arrivedAt: isoTime(this.options.clock.nowMs()) }),
        };
  }

  /** Whoever may speak for one service tells nothing of another one's experiments. */
  private async refusalOf(
    { id, data }: TakenEvent,
    caller: Identity,
    services: Sender['services'],
  ): Promise<EventAnswer | undefined> {
    if (hasRole(caller, SENDER, EVERY_SERVICE)) return undefined;
    const { service, assignment } = data;
    if (!hasRole(caller, SENDER, service))
      return { id, status: 403, detail: `data.service: ${caller.name} has no role ${SENDER} on ${service}` };
    if (assignment === null) return undefined;
    const { experiment } = assignment;
    const of = services.get(experiment) ?? this.serviceOf(experiment);
    services.set(experiment, of);
    const found = await of;
    if (found === service) return undefined;
    return found === undefined
      ? { id, status: 404, detail: `data.assignment.experiment: no ${experiment} is recorded (yet): send it again` }
      : { id, status: 403, detail: `data.assignment.experiment: ${experiment} is none of ${service}` };
  }

  private async serviceOf(experiment: string): Promise<string | undefined> {
    return (await this.options.facts.definitions(experiment))[0]?.spec.service;
  }

  /** @returns why the bus will never take some of them, by {@link keyOf} */
  private async publish(taken: ReadonlyMap<string, OutgoingRecord>): Promise<ReadonlyMap<string, string>> {
    if (taken.size === 0) return new Map();
    try {
      await this.published([...taken.values()]);
      return new Map();
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw notNow(error as Error);
    }
    const refusals = new Map<string, string>();
    for (const [key, record] of taken) {
      await this.published([record]).catch((error: Error) => {
        if (!(error instanceof RecordRefusedError)) throw notNow(error);
        refusals.set(key, error.message);
      });
    }
    return refusals;
  }

  private published(records: readonly OutgoingRecord[]): Promise<void> {
    return within(PUBLISHED_WITHIN_MS, this.options.bus.publish(records));
  }
}

/** Who sends, and what is known of the experiments that their events name. */
interface Sender {
  readonly caller: Identity;
  readonly services: Map<string, Promise<string | undefined>>;
  readonly traceparent: string | undefined;
}

/** All that is said of one unit meets in one partition, whatever the event calls its subject. What stands in the headers is read before what was sent. */
function recordOf(
  text: string,
  event: TakenEvent,
  { trace, arrivedAt }: { readonly trace: string | undefined; readonly arrivedAt: string },
): OutgoingRecord {
  const traceparent =
    event.traceparent === undefined && trace !== undefined && TRACEPARENT.test(trace) ? trace : undefined;
  const key = event.data.assignment?.unit ?? event.subject;
  return {
    topic: event.type,
    key,
    headers: {
      'content-type': ONE_EVENT,
      ...(event.mended?.includes('no-time') ? { ce_time: arrivedAt } : {}),
      ...(event.mended?.includes('no-subject') ? { ce_subject: key } : {}),
      ...(traceparent === undefined ? {} : { ce_traceparent: traceparent }),
    },
    value: Buffer.from(text),
  };
}

/** What a sender says twice in one breath is one event. */
function withoutRepeats(looked: readonly Looked[]): ReadonlyMap<string, OutgoingRecord> {
  return new Map(looked.flatMap((one) => ('event' in one ? [[keyOf(one.event), one.record] as const] : [])));
}

function keyOf({ type, id }: TakenEvent): string {
  return `${type} ${id}`;
}

function notNow(error: Error): ProblemException {
  return new ProblemException({
    title: 'The events could not be published',
    status: 503,
    detail: `${error.message}. Send them again: those that were taken all the same count once`,
  });
}
