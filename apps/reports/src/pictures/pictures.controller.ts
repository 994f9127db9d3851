import { Controller, Get, Header, Inject, Param, ParseIntPipe, Query, Res, type StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { slug } from '#libs/contracts';
import { parseInput } from '#libs/platform';
import { SummaryReader } from '../summary/summary-reader.js';
import { PICTURE_GALLERY, SUMMARY_READER } from '../tokens.js';
import { pictureAnswer } from './picture-answer.js';
import { PictureGallery, type ExperimentLikeness, type ExperimentPictures } from './picture-gallery.js';

const picturesQuery = z.object({ limit: z.coerce.number().int().min(1).max(50).default(8) });
const pictureQuery = z.strictObject({ service: slug.optional() });

@Controller('api')
export class PicturesController {
  constructor(
    @Inject(PICTURE_GALLERY) private readonly gallery: PictureGallery,
    @Inject(SUMMARY_READER) private readonly summaries: SummaryReader,
  ) {}

  @Get('experiments/:experiment/pictures')
  async pictures(@Param('experiment') experiment: string, @Query() query: unknown): Promise<ExperimentPictures> {
    const { limit } = parseInput(picturesQuery, query, 'query');
    return this.gallery.ofExperiment(await this.summaries.definition(experiment), limit);
  }

  @Get('experiments/:experiment/pictures/likeness')
  async likeness(@Param('experiment') experiment: string, @Query() query: unknown): Promise<ExperimentLikeness> {
    const { limit } = parseInput(picturesQuery, query, 'query');
    return this.gallery.likeness(await this.summaries.definition(experiment), limit);
  }

  /** The bytes come from a model: the browser must take them for a picture and for nothing else. */
  @Get('pictures/:generationId/:imageIndex')
  @Header('x-content-type-options', 'nosniff')
  @Header('content-security-policy', "default-src 'none'; sandbox")
  @Header('cache-control', 'private, max-age=86400, immutable')
  async bytes(
    @Param('generationId') generationId: string,
    @Param('imageIndex', ParseIntPipe) imageIndex: number,
    @Query() query: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const { service: said } = parseInput(pictureQuery, query, 'query');
    const service = said ?? (await this.summaries.serviceOfGeneration(generationId));
    const picture = await this.gallery.bytes({ service, generationId, imageIndex });
    response.setHeader('etag', `"${picture.sha256}"`);
    return pictureAnswer(picture, response);
  }
}
