import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { SignAddress } from './bucket-pictures.js';

const PACKAGES = ['@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner'] as const;
const GOOD_FOR_SECONDS = 900;

/** The part of the AWS SDK that is used. Its packages are installed by those who read pictures from S3. */
interface S3Package {
  readonly S3Client: new (options: object) => object;
  readonly GetObjectCommand: new (input: { readonly Bucket: string; readonly Key: string }) => object;
}
interface PresignerPackage {
  getSignedUrl(client: object, command: object, options: { readonly expiresIn: number }): Promise<string>;
}

/** Pictures can't be read from S3, with what to do about it. */
export class S3UnavailableError extends Error {
  override readonly name = 'S3UnavailableError';
}

/**
 * Signs addresses by the AWS SDK v3, with the region and the credentials that it finds where it always does (environment, profile, role).
 * @param endpoint of another store than Amazon's, which then has its buckets in its paths
 * @throws S3UnavailableError when the SDK is not installed
 */
export async function s3Addresses(endpoint?: string): Promise<SignAddress> {
  const [{ S3Client, GetObjectCommand }, { getSignedUrl }] = await loadSdk();
  const own = endpoint === undefined ? {} : { endpoint, forcePathStyle: true };
  const client = new S3Client({ ...own, followRegionRedirects: true });
  return async (Bucket, Key) => {
    const command = new GetObjectCommand({ Bucket, Key });
    return new URL(await getSignedUrl(client, command, { expiresIn: GOOD_FOR_SECONDS }));
  };
}

async function loadSdk(): Promise<readonly [S3Package, PresignerPackage]> {
  const [s3, presigner] = await Promise.all(PACKAGES.map(load));
  return [s3 as S3Package, presigner as PresignerPackage];
}

async function load(name: string): Promise<unknown> {
  let path: string;
  try {
    path = createRequire(import.meta.url).resolve(name);
  } catch (error) {
    throw new S3UnavailableError(
      `pictures can't be read from S3: ${name} is not installed; to get it: npm install --no-save ${PACKAGES.join(' ')}`,
      { cause: error },
    );
  }
  return import(pathToFileURL(path).href);
}
