import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { parsedJson } from '#libs/contracts';

export interface KubeApiOptions {
  /** Address of the API server. */
  readonly server: string;
  /** File of a bearer token, read anew for each request since tokens of service accounts change. */
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

export interface KubeAnswer {
  readonly status: number;
  readonly body: unknown;
}

const LARGEST_ANSWER_BYTES = 4 * 1024 * 1024;

/** The few things that are asked of an API server of Kubernetes. */
export class KubeApi {
  constructor(private readonly options: KubeApiOptions) {}

  get(path: string, signal: AbortSignal): Promise<KubeAnswer> {
    return this.ask('GET', path, undefined, signal);
  }

  /** Server-side apply: the fields of the object are ours, and those that were and are not in it any more go. */
  apply(path: string, object: object, signal: AbortSignal): Promise<KubeAnswer> {
    return this.ask('PATCH', path, JSON.stringify(object), signal);
  }

  private async ask(method: string, path: string, body: string | undefined, signal: AbortSignal): Promise<KubeAnswer> {
    const { server, tokenFile, caFile } = this.options;
    const url = new URL(path, server);
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
    const ca = caFile === undefined ? undefined : await readFile(caFile);
    const headers = {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      // JSON is YAML.
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/apply-patch+yaml', 'content-length': String(Buffer.byteLength(body)) }),
    };
    const isTls = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const asked = (isTls ? httpsRequest : httpRequest)(
        url,
        { method, headers, signal, ...(isTls ? { ca } : {}) },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > LARGEST_ANSWER_BYTES) asked.destroy(new Error('its answer is too long'));
            else chunks.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: response.statusCode ?? 0, body: parsedJson(text) });
          });
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });
  }
}
