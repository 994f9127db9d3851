import { StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import type { PictureBytes } from './picture-gallery.js';

/** A picture as an answer; where its bytes turn out to be another picture's, what was sent of it is cut off and never complete for the client. */
export function pictureAnswer({ bytes, length, contentType }: PictureBytes, response: Response): StreamableFile {
  bytes.on('error', () => response.destroy());
  return new StreamableFile(bytes, { type: contentType, length });
}
