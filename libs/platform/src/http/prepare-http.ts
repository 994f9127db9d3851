import type { IncomingMessage, ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { namelessAddress } from './nameless-address.js';
import { foreignRequest, type BrowserRules } from './foreign-request.js';
import { ProblemFilter } from './problem.js';
import { operationAt, type ApiDescription } from './open-api.js';
import { readRequestBody, UnreadBody } from './request-body.js';

/** A request whose body has been read. */
export type ReadRequest = IncomingMessage & {
  body?: unknown;
  /** The bytes of the body, for messages about lines. */
  rawBody?: Buffer;
};

/** Requests under way. */
export interface RequestsUnderWay {
  /** Resolves when all have been answered (live streams are not waited for) or after `longestMs`. */
  drain(longestMs: number): Promise<void>;
}

const BETWEEN_LOOKS_MS = 20;

/** What every HTTP app does with every request: it is counted, refused where another site has a browser send it, its body is read in one way, and what goes wrong becomes problem+json. */
export function prepareHttp(nest: INestApplication, server: BrowserRules, api: ApiDescription): RequestsUnderWay {
  const underWay = new Set<ServerResponse>();
  let isDraining = false;
  nest.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
    if (isDraining) response.setHeader('connection', 'close');
    next();
  });
  nest.use((request: IncomingMessage, _response: ServerResponse, next: (error?: unknown) => void) => {
    next(foreignRequest(request, server) ?? namelessAddress(request));
  });
  nest.use((request: ReadRequest, _response: ServerResponse, next: (error?: unknown) => void) => {
    if (isReadByRoute(request, api)) {
      request.body = new UnreadBody(request);
      return next();
    }
    readRequestBody(request).then((body) => {
      request.body = body?.value;
      if (body) request.rawBody = body.bytes;
      next();
    }, next);
  });
  nest.useGlobalFilters(new ProblemFilter());
  return {
    async drain(longestMs) {
      isDraining = true;
      const untilMs = performance.now() + longestMs;
      while ([...underWay].some(isAnswer) && performance.now() < untilMs) await pause(BETWEEN_LOOKS_MS);
    },
  };
}

function isReadByRoute({ method = '', url = '' }: IncomingMessage, api: ApiDescription): boolean {
  const [path = ''] = url.split('?');
  return operationAt(api, method, path)?.['x-reads-body'] === true;
}

function isAnswer(response: ServerResponse): boolean {
  return !String(response.getHeader('content-type') ?? '').startsWith('text/event-stream');
}
