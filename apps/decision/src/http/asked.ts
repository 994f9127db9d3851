import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request, Response } from 'express';
import { callerOf, ProblemException, type Identity } from '#libs/platform';

/** What a request says besides its body: who sends it, and what they have seen. */
export interface AskedBy {
  readonly caller: Identity;
  /** Number of decisions that the sender has seen (`If-Match`); undefined where it does not matter to them. */
  readonly ifVersion: number | undefined;
  /** Tells which number of decisions the answer shows (`ETag`). */
  shows(version: number): void;
}

/** Parameter of a handler: {@link AskedBy}. */
export const AskedWith = createParamDecorator((_data: unknown, context: ExecutionContext): AskedBy => {
  const request = context.switchToHttp().getRequest<Request>();
  const response = context.switchToHttp().getResponse<Response>();
  return {
    caller: callerOf(request),
    ifVersion: versionIn(request.headers['if-match']),
    shows: (version) => void response.setHeader('etag', `"${version}"`),
  };
});

/** @throws ProblemException 400 for what no answer has told */
function versionIn(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const version = /^\s*"(\d{1,15})"\s*$/.exec(ifMatch)?.[1];
  if (version !== undefined) return Number(version);
  const detail = `if-match: ${ifMatch}: expected the ETag of an answer about it, such as "7"`;
  throw new ProblemException({ title: 'Invalid request', status: 400, detail });
}
