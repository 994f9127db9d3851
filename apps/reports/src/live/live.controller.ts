import { Controller, Inject, Param, Sse, type MessageEvent } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { LIVE_SUMMARIES } from '../tokens.js';
import { LiveSummaries } from './live-summaries.js';

/** Server-Sent Events: the summary of one experiment whenever it changes. */
@Controller('api/experiments')
export class LiveController {
  constructor(@Inject(LIVE_SUMMARIES) private readonly live: LiveSummaries) {}

  @Sse(':experiment/live')
  async follow(@Param('experiment') experiment: string): Promise<Observable<MessageEvent>> {
    const summaries = await this.live.of(experiment);
    return summaries.pipe(map((data) => ({ type: 'summary', data })));
  }
}
