import type { Image } from '#libs/contracts';
import { sha256Of } from '#libs/telemetry';
import { Allowance } from './allowance.js';
import { bucketSource, type PictureBuckets } from './bucket-pictures.js';
import { dataPicture } from './data-picture.js';
import { refused, unavailable, type FetchContext, type FetchedPicture, type PictureRoom } from './fetched-picture.js';
import { FilePictures } from './file-pictures.js';
import { HttpPictures, type HostCondition, type HttpPictureOptions } from './http-pictures.js';
import { carriersFault } from './received-body.js';

/** Of a picture whose size is not announced, bytes. */
const PRESUMED_BYTES = 4 * 1024 * 1024;
/** Files that are read at the same time. */
const FILES_AT_A_TIME = 8;

/** `hosts`: those that `http:` and `https:` pictures may come from; see `HttpPictureOptions`. */
export interface PictureSources extends HttpPictureOptions {
  /** Folders whose files may be read by `file:` URIs. */
  readonly roots: readonly string[];
  /** Buckets that `s3:` and `gs:` pictures may come from; none: all are refused. */
  readonly s3?: PictureBuckets;
  readonly gs?: PictureBuckets;
  /** Of pictures that are in memory as files at the same time, by their announced sizes. */
  readonly bytesInMemory: number;
}

type AnnouncedPicture = Pick<Image, 'uri' | 'sha256'> & Partial<Pick<Image, 'bytes'>>;

/** Fetches announced pictures from where this scorer may read, and checks that they are the announced ones. Never throws but when it is told to stop. */
export class PictureFetcher {
  private readonly files: FilePictures;
  private readonly filePlaces = new Allowance(FILES_AT_A_TIME);
  private readonly http: HttpPictures;
  private readonly room: Allowance;

  constructor(private readonly sources: PictureSources) {
    this.files = new FilePictures(sources.roots, sources.maxBytes);
    this.http = new HttpPictures(sources);
    this.room = new Allowance(sources.bytesInMemory);
  }

  /** Bytes that are taken of those that may be in memory. */
  get bytesTaken(): number {
    return this.room.taken;
  }

  hosts(): readonly HostCondition[] {
    return this.http.conditions();
  }

  /**
   * Hands a picture on to `work`; until that is done its bytes count among those in memory.
   * @throws what `work` throws, and the signal's reason
   */
  async use<Result>(
    image: AnnouncedPicture,
    context: Omit<FetchContext, 'room'>,
    work: (picture: FetchedPicture) => Promise<Result>,
  ): Promise<Result> {
    const room = this.roomFor(image);
    try {
      return await work(await this.fetch(image, { ...context, room }));
    } finally {
      room.free();
    }
  }

  private roomFor({ bytes }: AnnouncedPicture): PictureRoom {
    const wanted = Math.min(bytes ?? PRESUMED_BYTES, this.sources.maxBytes);
    let taken = 0;
    return {
      take: async () => {
        if (taken === 0) taken = await this.room.take(wanted);
      },
      free: () => {
        this.room.giveBack(taken);
        taken = 0;
      },
    };
  }

  async fetch(image: AnnouncedPicture, context: FetchContext = {}): Promise<FetchedPicture> {
    const fetched = await this.read(image.uri, context);
    if (fetched.outcome !== 'fetched') return fetched;
    const found = sha256Of(fetched.bytes);
    if (found === image.sha256) return fetched;
    const fault = carriersFault(fetched.bytes);
    if (fault !== undefined) return unavailable(`"${shortened(image.uri)}": ${fault}`);
    // Where none was announced there is nothing to compare it with.
    if (image.sha256 === null) return fetched;
    return {
      outcome: 'digest-mismatch',
      reason: `the picture has the sha256 ${found}, the event announced ${image.sha256}`,
    };
  }

  async close(): Promise<void> {
    await this.http.close();
  }

  private async read(uri: string, context: FetchContext): Promise<FetchedPicture> {
    if (uri.startsWith('data:')) return dataPicture(uri, this.sources.maxBytes);
    if (uri.startsWith('s3://')) return this.readObject(uri, this.sources.s3, context);
    if (uri.startsWith('gs://')) return this.readObject(uri, this.sources.gs, context);
    if (!URL.canParse(uri)) return refused(`"${shortened(uri)}" is no URI`);
    const url = new URL(uri);
    switch (url.protocol) {
      case 'file:':
        return this.readFile(url, context);
      case 'http:':
      case 'https:':
        return this.http.fetch(url, context);
      default:
        return refused(`scheme "${url.protocol}" is not accepted, expected file:, data:, https:, http:, s3: or gs:`);
    }
  }

  private async readObject(
    uri: string,
    buckets: PictureBuckets | undefined,
    context: FetchContext,
  ): Promise<FetchedPicture> {
    const source = await bucketSource(uri, buckets);
    return 'outcome' in source ? source : this.http.fetchFrom(source, context);
  }

  private async readFile(url: URL, { room, signal }: FetchContext): Promise<FetchedPicture> {
    const place = await this.filePlaces.take(1);
    try {
      signal?.throwIfAborted();
      await room?.take();
      return await this.files.fetch(url);
    } finally {
      this.filePlaces.giveBack(place);
    }
  }
}

function shortened(uri: string): string {
  return uri.length <= 200 ? uri : `${uri.slice(0, 200)}…`;
}
