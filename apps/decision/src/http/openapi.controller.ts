import { Controller, Get } from '@nestjs/common';
import { openApiDocument } from './openapi.js';

@Controller('openapi.json')
export class OpenApiController {
  private readonly document = openApiDocument();

  @Get()
  openApi(): Readonly<Record<string, unknown>> {
    return this.document;
  }
}
