import { refused, unavailable, type MissingPicture } from './fetched-picture.js';
import type { HttpSource } from './http-attempts.js';

/** Signs an address of an object that whoever has it may read for some minutes. */
export type SignAddress = (bucket: string, key: string) => Promise<URL>;

/** Buckets of one kind of store that pictures are read from. */
export interface PictureBuckets {
  readonly names: readonly string[];
  readonly sign: SignAddress;
}

const ADDRESS = /^(?:s3|gs):\/\/([^/]+)\/(.+)$/s;
/** In an address they lead out of the bucket; stores take no such keys. */
const DOT_SEGMENT = /(?:^|[/\\])\.{1,2}(?:[/\\]|$)/;

/**
 * Where an object of a listed bucket is fetched from: its signed address, and nowhere else.
 * @param uri `s3://bucket/key` or `gs://bucket/key`; the key stands there as it is, nothing in it is escaped
 * @param buckets undefined where none is configured
 */
export async function bucketSource(
  uri: string,
  buckets: PictureBuckets | undefined,
): Promise<HttpSource | MissingPicture> {
  const [, bucket, key] = ADDRESS.exec(uri) ?? [];
  if (bucket === undefined || key === undefined)
    return refused(`"${uri}" is not of the form <scheme>://<bucket>/<key>`);
  if (DOT_SEGMENT.test(key)) return refused(`"${uri}" has "." or ".." in its key`);
  const names = buckets?.names ?? [];
  if (buckets === undefined || !names.includes(bucket)) {
    return refused(`bucket "${bucket}" is not on the list of allowed buckets: ${names.join(', ') || 'none'}`);
  }
  let signed: URL;
  try {
    signed = await buckets.sign(bucket, key);
  } catch (error) {
    return unavailable(`"${uri}" can't be signed: ${(error as Error).message}`);
  }
  return {
    url: signed,
    shown: uri,
    // The operator has named the store: it may lie in the own network. It may send to itself only, which the signature would not survive elsewhere.
    permission: ({ origin }) => (origin === signed.origin ? 'any-address' : 'refused'),
    listed: signed.host,
  };
}
