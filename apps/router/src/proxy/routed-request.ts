import type { Assignment } from '#libs/contracts';
import type { ExchangeResult } from './exchange.js';
import type { TraceOfClient, UnitName } from './request-headers.js';

/** One upstream's part in one request, for the event and the metrics. */
export interface RoutedRequest extends ExchangeResult {
  /** Whether it counts as a generation. */
  readonly judged: boolean;
  readonly requestId: string;
  /** 0 for the first upstream that was asked, 1 for the one asked after it had failed, and so on. */
  readonly attempt: number;
  readonly service: string;
  readonly assignment: Assignment | null;
  /** The part of a divided service that it is in, and its unit there; undefined where one slot spans the service, and of copies. */
  readonly slot?: string | undefined;
  readonly unit?: string | undefined;
  /** Whether the request named its unit; null where none was asked for. */
  readonly unitName: UnitName | null;
  readonly upstream: string;
  readonly startedAt: string;
  readonly traceparent: string;
  /** What of it the client sent; absent of what no client has asked for. */
  readonly cause?: TraceOfClient;
}
