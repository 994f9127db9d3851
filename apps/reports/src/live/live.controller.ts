import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ClientLimit, ProblemException, type TrustedProxies } from '#libs/platform';
import { LIVE_PLACES, LIVE_SUMMARIES, TRUSTED_PROXIES } from '../tokens.js';
import { LiveSummaries } from './live-summaries.js';
import { sendEvents } from './send-events.js';

/** Server-Sent Events: the summary of one experiment whenever it changes. */
@Controller('api/experiments')
export class LiveController {
  constructor(
    @Inject(LIVE_SUMMARIES) private readonly live: LiveSummaries,
    @Inject(LIVE_PLACES) private readonly places: ClientLimit,
    @Inject(TRUSTED_PROXIES) private readonly proxies: TrustedProxies,
  ) {}

  @Get(':experiment/live')
  async follow(
    @Param('experiment') experiment: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    // It closes once only: who has gone already would keep the place.
    if (response.destroyed) return;
    const leave = this.places.enter(this.proxies.clientOf(request));
    if (!leave) throw tooManyOfClient();
    response.once('close', leave);
    sendEvents(response, 'summary', await this.live.of(experiment));
  }
}

function tooManyOfClient(): ProblemException {
  const detail = 'This client has as many streams open as it may; ask for the summary from time to time instead';
  return new ProblemException({ title: 'Too many streams', status: 429, detail });
}
