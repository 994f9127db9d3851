import type { IncomingMessage, ServerResponse } from 'node:http';
import { isoTime, messageAt, parsedJson, slug, unstorableIn } from '#libs/contracts';
import { sendJson, sendProblem } from '#libs/platform';
import { z } from 'zod';
import type { DrawSources } from '../proxy/draw.js';
import type { Allocations } from '../routing/allocations.js';
import { entityTagOf, isKnown } from './entity-tag.js';
import { evaluateFlag, type Evaluated } from './evaluate-flag.js';
import { flagContextOf, isFlagProblem } from './flag-context.js';
import { flagStateOf } from './flag-state.js';
import { readText, type FlagRequest } from './read-text.js';

const EXPOSURES = '/v1/flags/exposures';
const MOST_EXPOSURES = 500;

export const exposuresBody = z
  .object({
    exposures: z
      .array(
        z.object({
          /** Told twice it is one. */
          id: z.string().min(1).max(64),
          service: slug,
          unit: z.string(),
          attributes: z.record(z.string(), z.string()).default({}),
          variant: slug,
          epoch: z.int().min(0),
        }),
      )
      .max(MOST_EXPOSURES, `expected at most ${MOST_EXPOSURES}`),
  })
  .meta({ id: 'Exposures' });
type Exposure = z.infer<typeof exposuresBody>['exposures'][number];

export interface StateServerOptions extends DrawSources {
  readonly allocations: Allocations;
  readonly unreadyReason: () => string | undefined;
  /** Hears of every exposure that is what would be drawn here as well. @param id of the exposure */
  readonly onExposed: (service: string, evaluated: Evaluated, id: string) => void;
  /** Whether the bus keeps up, so that more can be told. */
  readonly hasRoom: () => boolean;
}

const NO_ROOM = {
  title: 'No room',
  status: 503,
  detail: 'More events wait for the bus than it takes now. Telling the exposures again with the same ids helps.',
};

/**
 * For clients that draw by themselves: what is in force (`GET /v1/flags`, with an ETag), and where they tell whom they have told a variant
 * (`POST /v1/flags/exposures`). An exposure counts where the router draws the same for the unit under the same order, so that nobody is told to have met
 * what was not theirs; one of an order that has just been replaced is left out, in every variant alike.
 */
export class StateServer {
  constructor(private readonly options: StateServerOptions) {}

  serve(request: IncomingMessage, response: ServerResponse, { path, waitsToBeTold }: FlagRequest): void {
    const [address = ''] = path.split('?', 1);
    const expected = address === EXPOSURES ? 'POST' : 'GET';
    const unready = this.options.unreadyReason();
    if (request.method !== expected || unready !== undefined) {
      request.resume();
      if (unready !== undefined) return sendProblem(response, { title: 'Not ready', status: 503, detail: unready });
      const detail = `${request.method} ${address}: expected ${expected}`;
      return sendProblem(response, { title: 'Method not allowed', status: 405, detail }, { allow: expected });
    }
    if (address === EXPOSURES) readText(request, response, { waitsToBeTold }, (text) => this.take(text, response));
    else this.tellState(request, response);
  }

  private tellState(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const state = flagStateOf(this.options.allocations);
    const etag = entityTagOf(state);
    if (!isKnown(request.headers['if-none-match'], etag)) return sendJson(response, state, 200, { etag });
    response.writeHead(304, { etag }).end();
  }

  private take(text: unknown, response: ServerResponse): void {
    const read = exposuresBody.safeParse(typeof text === 'string' ? parsedJson(text) : undefined);
    if (!read.success) {
      const [issue] = read.error.issues;
      const detail = issue ? messageAt(issue.path, issue.message) : 'can not be read';
      return sendProblem(response, { title: 'Not exposures', status: 422, detail });
    }
    if (!this.options.hasRoom()) return sendProblem(response, NO_ROOM, { 'retry-after': '1' });
    const counted = read.data.exposures.filter((exposure) => this.count(exposure)).length;
    sendJson(response, { counted, ignored: read.data.exposures.length - counted }, 200);
  }

  private count({ id, service, unit, attributes, variant, epoch }: Exposure): boolean {
    const route = this.options.allocations.routeOf(service);
    const context = flagContextOf({ ...attributes, targetingKey: unit });
    if (!route || isFlagProblem(context) || unstorableIn(id)) return false;
    const evaluated = evaluateFlag(route, { context, askedAt: isoTime(Date.now()) }, this.options);
    const { assignment } = evaluated;
    if (assignment?.variant !== variant || assignment.epoch !== epoch) return false;
    // The id is whatever a client says: it must not be that of a request, whose outcome and feedback would be taken for the exposure's.
    this.options.onExposed(service, evaluated, `exposure:${id}`);
    return true;
  }
}
