import type { Assignment } from '#libs/contracts';
import type { ExchangeResult } from './exchange.js';
import type { UnitName } from './request-headers.js';

/** One upstream's part in one request, for the event and the metrics. */
export interface RoutedRequest extends ExchangeResult {
  /** Whether it counts as a generation. */
  readonly judged: boolean;
  readonly requestId: string;
  /** 0 for the first upstream that was asked, 1 for the one asked after it had failed, and so on. */
  readonly attempt: number;
  readonly service: string;
  readonly assignment: Assignment | null;
  /** Whether the request named its unit; null where none was asked for. */
  readonly unitName: UnitName | null;
  readonly upstream: string;
  readonly startedAt: string;
  readonly traceparent: string;
}
