import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { feedbackTokens, needsFeedbackTokens, type FeedbackTokens } from './feedback-tokens.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'teststrip-feedback-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };

async function tokensOf(environment: Readonly<Record<string, string>>): Promise<FeedbackTokens | undefined> {
  const waiting = { because: () => undefined, over: () => undefined, signal: new AbortController().signal };
  const request = { clientId: 'test', logger: silent, waiting, opened: () => undefined };
  return (await needsFeedbackTokens.open({ DATA_DIR: join(folder, 'data'), ...environment }, request)).resource;
}

describe('a feedback token', () => {
  it('is of one request, under one key', () => {
    const tokens = feedbackTokens('a key of sixteen letters');
    const token = tokens.of('request-1');
    expect(token).toMatch(/^[\w-]{22}$/);
    expect(tokens.isOf('request-1', token)).toBe(true);
    expect([tokens.isOf('request-2', token), tokens.isOf('request-1', '')]).toEqual([false, false]);
    expect(feedbackTokens('another key of some letters').isOf('request-1', token)).toBe(false);
  });

  it('is what others can make with the key, by the recipe of docs/other-proxies.md', async () => {
    const recipe = await readFile('docs/other-proxies.md', 'utf8');
    const [, request = '', key = '', token] = /Of the request `(.+?)`, with the key `(.+?)`, it is `(.+?)`/.exec(
      recipe,
    )!;
    expect(feedbackTokens(key).of(request)).toBe(token);
  });

  it('is the same for all who share a folder, whoever started first, or who were given one key', async () => {
    const [router, reports] = await Promise.all([tokensOf({}), tokensOf({})]);
    expect(reports?.isOf('request-1', router!.of('request-1'))).toBe(true);
    expect((await stat(join(folder, 'data', 'feedback-key'))).mode & 0o777).toBe(0o600);
    const FEEDBACK_KEY = 'a key of sixteen letters';
    const apart = await tokensOf({ DATA_DIR: join(folder, 'elsewhere'), FEEDBACK_KEY });
    expect((await tokensOf({ FEEDBACK_KEY }))?.isOf('request-1', apart!.of('request-1'))).toBe(true);
    expect(apart?.isOf('request-1', router!.of('request-1'))).toBe(false);
  });

  it('is nobody’s where AUTH is off', async () => {
    expect(await tokensOf({ AUTH: 'off' })).toBeUndefined();
  });
});
