import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import type { Response } from 'express';
import { LIVE_SUMMARIES } from '../tokens.js';
import { LiveSummaries } from './live-summaries.js';
import { sendEvents } from './send-events.js';

/** Server-Sent Events: the summary of one experiment whenever it changes. */
@Controller('api/experiments')
export class LiveController {
  constructor(@Inject(LIVE_SUMMARIES) private readonly live: LiveSummaries) {}

  @Get(':experiment/live')
  async follow(@Param('experiment') experiment: string, @Res() response: Response): Promise<void> {
    sendEvents(response, 'summary', await this.live.of(experiment));
  }
}
