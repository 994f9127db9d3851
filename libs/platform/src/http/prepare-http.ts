import type { IncomingMessage, ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { namelessAddress } from './nameless-address.js';
import { foreignRequest, type BrowserRules } from './foreign-request.js';
import { limitBody } from './limit-body.js';
import { limitRest } from './limit-rest.js';
import { ProblemFilter } from './problem.js';

/** Requests under way. */
export interface RequestsUnderWay {
  /** Resolves when all have been answered (live streams are not waited for) or after `longestMs`. */
  drain(longestMs: number): Promise<void>;
}

const BETWEEN_LOOKS_MS = 20;

/**
 * What every HTTP app does with every request: it is counted, refused where another site has a browser send it, its body has a time to come, and what goes
 * wrong becomes problem+json.
 * @param bodyWithinMs how long a body may take ({@link limitBody})
 */
export function prepareHttp(
  nest: INestApplication,
  server: BrowserRules,
  isAway: (error: unknown) => boolean,
  bodyWithinMs?: number,
): RequestsUnderWay {
  const underWay = new Set<ServerResponse>();
  let isDraining = false;
  nest.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
    underWay.add(response);
    response.once('close', () => {
      underWay.delete(response);
      limitRest(request);
    });
    limitBody(request, response, bodyWithinMs);
    if (isDraining) response.setHeader('connection', 'close');
    next();
  });
  nest.use((request: IncomingMessage, _response: ServerResponse, next: (error?: unknown) => void) => {
    next(foreignRequest(request, server) ?? namelessAddress(request));
  });
  nest.useGlobalFilters(new ProblemFilter(isAway));
  return {
    async drain(longestMs) {
      isDraining = true;
      const untilMs = performance.now() + longestMs;
      while ([...underWay].some(isAnswer) && performance.now() < untilMs) await pause(BETWEEN_LOOKS_MS);
    },
  };
}

function isAnswer(response: ServerResponse): boolean {
  return !String(response.getHeader('content-type') ?? '').startsWith('text/event-stream');
}
