import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ProblemException } from './problem.js';
import { otherThanText, readRequestBody } from './request-body.js';

const YAML = 'apiVersion: teststrip/v1\nkey: a\n';

async function refusalOf(body: Buffer | string, type: string): Promise<unknown> {
  const request = Object.assign(Readable.from([Buffer.from(body)]), { headers: { 'content-type': type } });
  try {
    await readRequestBody(request as unknown as IncomingMessage);
  } catch (error) {
    if (error instanceof ProblemException) return { status: error.getStatus(), body: error.getResponse() };
    throw error;
  }
  return undefined;
}

describe('a JSON body', () => {
  it.each([
    ['YAML', YAML, /^line 1, column \d+: .*; where it is YAML, send it as content-type: application\/yaml$/],
    ['YAML that begins with a comment', `# mine\n${YAML}`, /send it as content-type: application\/yaml$/],
    ['gzip', gzipSync('{}'), /^line 1, column 1: compressed with gzip: expected the text itself$/],
    [
      'UTF-16',
      Buffer.from('\ufeff{"a": 1}', 'utf16le'),
      /^line 1, column 1: UTF-16 \(or UTF-32\): expected text in UTF-8$/,
    ],
    [
      'nested too deeply',
      Buffer.from(`{"a":\n${'['.repeat(1_000)}`),
      /^line 2, column 64: nested in more than 64 levels$/,
    ],
  ])('that is %s is refused with its place and what to do', async (_what, body, detail) => {
    expect(await refusalOf(body, 'application/json')).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(detail) },
    });
  });

  it('that is only broken says nothing of YAML', async () => {
    const refused = (await refusalOf('{"a": ', 'application/json')) as { body: { detail: string } };
    expect(refused.body.detail).not.toContain('YAML');
  });
});

describe('bytes', () => {
  it.each([
    ['UTF-16, big end first', Buffer.from([0xfe, 0xff, 0, 0x61]), /^UTF-16/],
    ['UTF-16 without a mark', Buffer.from(YAML, 'utf16le'), /^UTF-16 without a byte order mark/],
    ['a zip archive', Buffer.from('PK\u0003\u0004rest', 'latin1'), /zip archive/],
  ])('of %s are no text', (_what, bytes, words) => {
    expect(otherThanText(bytes)).toMatch(words);
  });

  it.each([YAML, `\ufeff${YAML}`, '', 'a', '{}', 'ключ: значение'])('of a text may be one: %j', (text) => {
    expect(otherThanText(Buffer.from(text))).toBeUndefined();
  });
});
