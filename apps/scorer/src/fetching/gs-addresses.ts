import { createHash, createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { SignAddress } from './bucket-pictures.js';

const ALGORITHM = 'GOOG4-RSA-SHA256';
const GOOD_FOR_SECONDS = 900;

/** What is used of the JSON file of a Google service account. */
const keyFile = z.object({ client_email: z.string().min(1), private_key: z.string().min(1) });
type ServiceAccount = z.infer<typeof keyFile>;

/** The key of a Google service account can't be used. */
export class GsKeyError extends Error {
  override readonly name = 'GsKeyError';
}

/**
 * Signs addresses of Google Cloud Storage with the key of a service account.
 * @param endpoint of the store, without a path
 * @throws GsKeyError when the file can't be read or is no such key
 */
export async function gsAddresses(file: string, endpoint: string): Promise<SignAddress> {
  const account = await readKey(file);
  return async (bucket, key) => signedAddress({ endpoint, bucket, key }, account, new Date());
}

async function readKey(file: string): Promise<ServiceAccount> {
  try {
    return keyFile.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new GsKeyError(`${file} is no key of a Google service account: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Google's V4 signing process, https://cloud.google.com/storage/docs/authentication/signatures, for GET and the header `host` alone. */
export function signedAddress(
  { endpoint, bucket, key }: { readonly endpoint: string; readonly bucket: string; readonly key: string },
  { client_email, private_key }: ServiceAccount,
  at: Date,
): URL {
  const { origin, host } = new URL(endpoint);
  const time = `${at.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
  const path = `/${encoded(bucket)}/${key.split('/').map(encoded).join('/')}`;
  const query = [
    ['X-Goog-Algorithm', ALGORITHM],
    ['X-Goog-Credential', `${client_email}/${scope}`],
    ['X-Goog-Date', time],
    ['X-Goog-Expires', String(GOOD_FOR_SECONDS)],
    ['X-Goog-SignedHeaders', 'host'],
  ]
    .map(([name, value]) => `${name}=${encoded(value!)}`)
    .join('&');
  const request = ['GET', path, query, `host:${host}\n`, 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(request).digest('hex');
  const signature = createSign('RSA-SHA256')
    .update([ALGORITHM, time, scope, digest].join('\n'))
    .sign(private_key, 'hex');
  return new URL(`${origin}${path}?${query}&X-Goog-Signature=${signature}`);
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
