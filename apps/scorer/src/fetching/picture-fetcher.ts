import type { Image } from '#libs/contracts';
import { sha256Of } from '#libs/telemetry';
import { dataPicture } from './data-picture.js';
import { refused, type FetchedPicture } from './fetched-picture.js';
import { FilePictures } from './file-pictures.js';
import { HttpPictures } from './http-pictures.js';

export interface PictureSources {
  /** Folders whose files may be read by `file:` URIs. */
  readonly roots: readonly string[];
  /** Hosts that `http:` and `https:` pictures may come from; see `HttpPictureOptions`. */
  readonly hosts: readonly string[];
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Fetches announced pictures from where this scorer may read, and checks that they are the announced ones. Never throws. */
export class PictureFetcher {
  private readonly files: FilePictures;
  private readonly http: HttpPictures;

  constructor(private readonly sources: PictureSources) {
    this.files = new FilePictures(sources.roots, sources.maxBytes);
    this.http = new HttpPictures(sources);
  }

  async fetch(image: Pick<Image, 'uri' | 'sha256'>): Promise<FetchedPicture> {
    const fetched = await this.read(image.uri);
    if (fetched.outcome !== 'fetched') return fetched;
    const found = sha256Of(fetched.bytes);
    // Where none was announced there is nothing to compare it with.
    if (found === image.sha256 || image.sha256 === null) return fetched;
    return {
      outcome: 'digest-mismatch',
      reason: `the picture has the sha256 ${found}, the event announced ${image.sha256}`,
    };
  }

  async close(): Promise<void> {
    await this.http.close();
  }

  private async read(uri: string): Promise<FetchedPicture> {
    if (uri.startsWith('data:')) return dataPicture(uri, this.sources.maxBytes);
    if (!URL.canParse(uri)) return refused(`"${uri}" is no URI`);
    const url = new URL(uri);
    switch (url.protocol) {
      case 'file:':
        return this.files.fetch(url);
      case 'http:':
      case 'https:':
        return this.http.fetch(url);
      default:
        return refused(`scheme "${url.protocol}" is not accepted, expected file:, data:, https: or http:`);
    }
  }
}
