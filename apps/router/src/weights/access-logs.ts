import { join } from 'node:path';
import { newTraceparent } from '#libs/platform';
import type { RoutedRequest } from '../proxy/routed-request.js';
import { readLogLine } from './access-log-line.js';
import { LogTail } from './log-tail.js';

export interface AccessLogsOptions {
  readonly logs: readonly { readonly service: string; readonly path: string }[];
  /** Where it is kept how far they were read; undefined: nowhere. */
  readonly folder: string | undefined;
  readonly onRouted: (routed: RoutedRequest) => void;
  /** Whether all that was heard is published. */
  readonly isPublished: () => boolean;
  readonly onTrouble: (message: string) => void;
}

/** Tells of the requests that proxies have written into their access logs. */
export class AccessLogs {
  private readonly tails: readonly LogTail[];

  constructor({ logs, folder, onRouted, isPublished, onTrouble }: AccessLogsOptions) {
    this.tails = logs.map(({ service, path }) => {
      const onLine = (text: string): void => {
        const line = readLogLine(text);
        if (line?.service === service) onRouted({ ...line, traceparent: line.traceparent ?? newTraceparent() });
      };
      const placeFile = folder === undefined ? undefined : join(folder, `${service}.log-place.json`);
      return new LogTail({ path, placeFile, isTaken: isPublished, onLine, onTrouble });
    });
  }

  start(): void {
    for (const tail of this.tails) tail.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.tails.map((tail) => tail.close()));
  }
}
