import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici';

const MOST_REDIRECTS = 5;
const TIMEOUT_MS = 60_000;
const LARGEST_ANSWER = 2 ** 24;

/** An answer that is no file: what it means, and what to do. */
export class NotServedError extends Error {
  override readonly name = 'NotServedError';
}

/** Gets files by HTTP, through the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
export class ModelFiles {
  private readonly dispatcher = new EnvHttpProxyAgent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });

  /** @param token shown to that origin and to no other, redirects included */
  constructor(private readonly token: { readonly value: string; readonly origin: string } | null) {}

  async close(): Promise<void> {
    await this.dispatcher.close();
  }

  /** @throws NotServedError when there is none */
  async json(url: string, signal: AbortSignal): Promise<unknown> {
    const { body } = await this.get(url, {}, signal);
    let text = '';
    for await (const part of body) {
      text += String(part);
      if (text.length > LARGEST_ANSWER) throw new NotServedError(`${url} answers without an end`);
    }
    try {
      return JSON.parse(text);
    } catch {
      throw new NotServedError(`${url} answers with what is no JSON: ${text.slice(0, 80)}`);
    }
  }

  /**
   * @param from first byte that is wanted; what is answered may begin before
   * @returns the byte at which the body begins
   * @throws NotServedError when there is no such file
   */
  async file(url: string, from: number, signal: AbortSignal): Promise<{ readonly from: number; readonly body: Dispatcher.ResponseData['body'] }> {
    const { statusCode, body } = await this.get(url, from === 0 ? {} : { range: `bytes=${from}-` }, signal);
    if (statusCode === 206) return { from, body };
    if (statusCode === 200) return { from: 0, body };
    await body.dump();
    return this.file(url, 0, signal);
  }

  private async get(
    start: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    let url = new URL(start);
    for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
      const authorization = this.token?.origin === url.origin ? { authorization: `Bearer ${this.token.value}` } : {};
      const answer = await request(url, {
        dispatcher: this.dispatcher,
        signal,
        headers: { ...headers, ...authorization, 'user-agent': 'teststrip' },
      });
      const { location } = answer.headers;
      if (answer.statusCode >= 300 && answer.statusCode < 400 && typeof location === 'string') {
        await answer.body.dump();
        url = new URL(location, url);
        continue;
      }
      // 416: what is there is as long as the file or longer.
      if ([200, 206, 416].includes(answer.statusCode)) return answer;
      await answer.body.dump();
      throw notServed(url, answer.statusCode);
    }
    throw new NotServedError(`${start} redirects more than ${MOST_REDIRECTS} times`);
  }
}

function notServed(url: URL, status: number): Error {
  const what = `${url.origin}${url.pathname} answers with status ${status}`;
  if (status === 401 || status === 403) {
    return new NotServedError(`${what}: accept the model's licence there, and give your token in HF_TOKEN`);
  }
  if (status === 404) return new NotServedError(`${what}: there is no such model, revision or file`);
  // It may be better in a moment.
  return status === 429 || status >= 500 ? new Error(what) : new NotServedError(what);
}
