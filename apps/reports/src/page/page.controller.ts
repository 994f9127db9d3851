import { Controller, Get, Header, Inject, Param, Res, StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import { ProblemException } from '#libs/platform';
import { PAGE_FILES } from '../tokens.js';
import type { PageFiles } from './page-files.js';

/** Own files only: nothing from elsewhere can run in the page, and it works without the internet. */
const SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

@Controller()
export class PageController {
  constructor(@Inject(PAGE_FILES) private readonly files: PageFiles) {}

  /** One document for the lists, for each experiment, for each review and for whoever comes back from an issuer; its script reads which from the address. */
  @Get(['/', 'experiments/:experiment', 'review', 'review/:experiment', 'signed-in'])
  @Header('content-security-policy', SECURITY_POLICY)
  @Header('x-content-type-options', 'nosniff')
  @Header('referrer-policy', 'same-origin')
  @Header('cache-control', 'no-cache')
  page(@Res({ passthrough: true }) response: Response): StreamableFile {
    return this.file('index.html', response);
  }

  @Get('page/:name')
  @Header('x-content-type-options', 'nosniff')
  @Header('cache-control', 'no-cache')
  asset(@Param('name') name: string, @Res({ passthrough: true }) response: Response): StreamableFile {
    return this.file(name, response);
  }

  private file(name: string, response: Response): StreamableFile {
    const file = this.files.get(name);
    if (!file)
      throw new ProblemException({ title: 'No such file', status: 404, detail: `The page has no file "${name}".` });
    response.setHeader('content-length', file.bytes.length);
    return new StreamableFile(file.bytes, { type: file.contentType });
  }
}
