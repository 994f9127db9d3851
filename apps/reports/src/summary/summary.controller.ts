import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller, parseInput, type Identity } from '#libs/platform';
import { SUMMARY_READER } from '../tokens.js';
import type { AnalysisPoint } from './analysis-point.js';
import type { ExperimentListing, ExperimentSummary } from './experiment-summary.js';
import { SummaryReader } from './summary-reader.js';

const historyQuery = z.object({ points: z.coerce.number().int().min(2).max(1_000).default(180) });

@Controller('api/experiments')
export class SummaryController {
  constructor(@Inject(SUMMARY_READER) private readonly summaries: SummaryReader) {}

  @Get()
  async list(@Caller() caller: Identity): Promise<{ readonly experiments: readonly ExperimentListing[] }> {
    return { experiments: await this.summaries.list(caller) };
  }

  @Get(':experiment')
  summary(@Param('experiment') experiment: string): Promise<ExperimentSummary> {
    return this.summaries.summary(experiment);
  }

  @Get(':experiment/history')
  async history(
    @Param('experiment') experiment: string,
    @Query() query: unknown,
  ): Promise<{ readonly points: readonly AnalysisPoint[] }> {
    const { points } = parseInput(historyQuery, query, 'query');
    return { points: await this.summaries.history(experiment, points) };
  }
}
