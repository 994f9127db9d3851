import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  generationCompleted,
  isCopy,
  type MendKind,
  readData,
  type ReportedGeneration,
  stampEvent,
  topics,
  type EventDraft,
  type GenerationCompleted,
} from '#libs/contracts';
import { createEventBuffer, type EventBufferOptions, type EventBufferStatus, type Publish } from './event-buffer.js';
import { fingerprintOf } from './fingerprint.js';
import type { RequestContext } from './request-context.js';
import { SignedAssignments } from './signed-assignments.js';

export interface TelemetryOptions extends Partial<Omit<EventBufferOptions, 'publish'>> {
  /** Where events go: an `EventBus`, or anything else with its `publish`. */
  readonly bus: { readonly publish: Publish };
  /** The service whose requests are answered, e.g. `text-to-image`. */
  readonly service: string;
  /** CloudEvents `source`: this process, e.g. `/inference/sdxl-int8-0`. */
  readonly source: string;
  /**
   * Name of this process among those of its variant, another one after each start: the latency of its first requests is not judged. Answer with it in
   * {@link INSTANCE_HEADER} as well, for the router. Default: the machine's name, which in a cluster is the pod's.
   */
  readonly instance?: string;
  /**
   * The key that the routers sign with, at least 16 characters. An assignment that none of them has signed for its request is left out of the event
   * then, which belongs to no experiment. Default: whatever a request says of its assignment counts.
   */
  readonly assignmentKey?: string | undefined;
}

/** One generation, as the service that did it knows it: what it does not know it leaves out. The rest of the event is filled in. */
export interface CompletedGeneration extends Partial<
  Pick<ReportedGeneration, 'prompt' | 'error' | 'timings' | 'gpu' | 'cost' | 'images'>
> {
  readonly outcome: GenerationCompleted['outcome'];
  /** Nested as deep as it likes. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A `bigint` where 2^53 is not enough. */
  readonly seed?: number | bigint | string | null;
  /** From `readRequestContext(request.headers)`. */
  readonly request: RequestContext;
  /** Unique per generation; the event's idempotency key is made of it. Default: a new UUID. */
  readonly generationId?: string;
  /** Default: `fingerprintOf(config)`; none without a configuration. */
  readonly fingerprint?: string;
  /** A copy of another variant's request whose answer nobody saw. Default: what the request's assignment says. */
  readonly shadow?: boolean;
}

export interface TelemetryStatus extends EventBufferStatus {
  /** Generations that were no valid event (told to `onTrouble`) and were not published. */
  readonly invalid: number;
  /** Values that were read for what they mean, or left out of their event (told to `onTrouble` once per kind). */
  readonly mended: number;
}

/** What an inference service embeds to publish `generation.completed.v1`. Nothing here blocks or fails the user's request. */
export interface Telemetry {
  /** Queues the event and returns at once. False: it was invalid, or came after the end; both are counted. */
  generationCompleted(generation: CompletedGeneration): boolean;
  /** Publishes what is queued now. */
  flush(): Promise<void>;
  status(): TelemetryStatus;
  /** Publishes the rest, or puts it into the spool, and accepts nothing more. */
  close(): Promise<void>;
}

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { bus, service, source, instance = hostname(), assignmentKey, ...bufferOptions } = options;
  const buffer = createEventBuffer({ ...bufferOptions, publish: (records) => bus.publish(records) });
  let invalid = 0;
  let mended = 0;
  const told = new Set<MendKind>();
  const assignments = new SignedAssignments(assignmentKey, (message) => options.onTrouble?.(message));

  return {
    generationCompleted(reported) {
      const { requestId } = reported.request;
      const generation = { ...reported, request: assignments.check(reported.request) };
      const data = { ...dataOf(generation, service), instance };
      const checked = readData('generation.completed.v1', generationCompleted, data, (kind) => {
        mended += 1;
        if (!told.has(kind))
          options.onTrouble?.(`generation of request ${requestId} was mended (${kind}); see docs/telemetry.md`);
        told.add(kind);
      });
      if (!checked.success) {
        invalid += 1;
        const problems = checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
        options.onTrouble?.(`generation of request ${requestId} is not published: ${problems}`);
        return false;
      }
      const completed = checked.data;
      const draft: EventDraft<'generation.completed.v1'> = {
        type: topics.generationCompleted.name,
        // The same generation reported twice is one event.
        id: `${topics.generationCompleted.name}:${completed.generationId}`,
        timeMs: Date.now(),
        subject: completed.assignment?.unit ?? completed.requestId,
        traceparent: generation.request.traceparent,
        tracestate: generation.request.tracestate,
        data: completed,
      };
      return buffer.add(stampEvent(draft, source));
    },
    flush: () => buffer.flush(),
    status: () => ({ ...buffer.status(), invalid, mended: mended + assignments.leftOut }),
    close: () => buffer.close(),
  };
}

function dataOf(generation: CompletedGeneration, service: string): object {
  const { request, generationId, fingerprint, shadow, seed, ...facts } = generation;
  const configured = generation.config === undefined ? null : fingerprintOf(generation.config);
  return {
    ...facts,
    seed: typeof seed === 'bigint' ? String(seed) : seed,
    requestId: request.requestId,
    assignment: request.assignment,
    generationId: generationId ?? randomUUID(),
    service,
    fingerprint: fingerprint ?? configured,
    shadow: shadow ?? (request.assignment !== null && isCopy(request.assignment)),
  };
}
