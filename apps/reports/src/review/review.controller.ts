import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Res,
  type StreamableFile,
} from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { actorOfToken, Caller, parseInput, ProblemException, type Identity } from '#libs/platform';
import { pictureAnswer } from '../pictures/picture-answer.js';
import { SummaryReader } from '../summary/summary-reader.js';
import { REVIEW_DESK, SUMMARY_READER } from '../tokens.js';
import { judgementBody, ReviewDesk, type BlindedReview } from './review-desk.js';

const reviewQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(50).default(20),
  rater: judgementBody.shape.rater,
});

@Controller('api/experiments/:experiment')
export class ReviewController {
  constructor(
    @Inject(REVIEW_DESK) private readonly desk: ReviewDesk,
    @Inject(SUMMARY_READER) private readonly summaries: SummaryReader,
  ) {}

  @Get('review')
  @Header('cache-control', 'no-store')
  async review(
    @Param('experiment') experiment: string,
    @Query() query: unknown,
    @Caller() caller: Identity,
  ): Promise<BlindedReview> {
    const { limit, rater } = parseInput(reviewQuery, query, 'query');
    const definition = await this.summaries.definition(experiment);
    return this.desk.review(definition, whoJudges(caller, rater, 400), limit);
  }

  /** Without what could tell the variant: neither digest nor name, and kept nowhere. */
  @Get('review/pictures/:picture')
  @Header('x-content-type-options', 'nosniff')
  @Header('content-security-policy', "default-src 'none'; sandbox")
  @Header('cache-control', 'no-store')
  async picture(
    @Param('experiment') experiment: string,
    @Param('picture') picture: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    return pictureAnswer(await this.desk.picture(experiment, picture), response);
  }

  /** Accepted: the judgement is durable on the bus; the analysis follows. */
  @Post('judgements')
  @HttpCode(202)
  async judge(
    @Param('experiment') experiment: string,
    @Body() body: unknown,
    @Caller() caller: Identity,
  ): Promise<{ readonly id: string }> {
    const { rater, ...judgement } = parseInput(judgementBody, body, 'body');
    return { id: await this.desk.judge(experiment, judgement, whoJudges(caller, rater, 422)) };
  }
}

/** Whoever has the token, never whom the request names; where nobody has a name (`AUTH=off`) the request says it. */
function whoJudges({ name }: Identity, rater: string | undefined, status: 400 | 422): string {
  if (name !== null && rater !== undefined) throw actorOfToken('rater', name);
  if (name !== null) return name;
  if (rater !== undefined) return rater;
  throw new ProblemException({ title: 'Nobody is named', status, detail: 'rater is missing: who judges?' });
}
