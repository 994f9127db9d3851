import { describe, expect, it } from 'vitest';
import { readPromptBody, type NoPair, type PromptBody } from './prompt-body.js';

const JSON_TYPE = { 'content-type': 'application/json' };

function read(body: unknown, headers: Record<string, string> = {}, url = '/v1/x'): PromptBody | NoPair {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readPromptBody({ headers: { ...JSON_TYPE, ...headers }, url }, Buffer.from(text), {
    value: 4_242,
    at: undefined,
  });
}

function promptOf(body: unknown): string {
  const asked = read(body);
  return typeof asked === 'string' ? asked : asked.prompt;
}

function sent(body: string, headers: Record<string, string> = {}): string {
  const asked = read(body, headers);
  return typeof asked === 'string' ? asked : asked.body.toString();
}

/** What is sent where the order names the field for a seed. */
function put(body: string, at: string): string {
  const asked = readPromptBody({ headers: JSON_TYPE }, Buffer.from(body), { value: 4_242, at });
  return typeof asked === 'string' ? asked : asked.body.toString();
}

describe('the prompt of a request', () => {
  it('is found where image APIs have it', () => {
    const bodies: readonly unknown[] = [
      { model: 'gpt-image-2', prompt: 'a lamp', size: '1024x1024' },
      { prompt: 'a lamp', steps: 20, batch_size: 2 },
      { input: { prompt: 'a lamp', seed: 7 } },
      { inputs: 'a lamp', parameters: { seed: 7 } },
      { text_prompts: [{ text: 'a lamp', weight: 1 }] },
      { instances: [{ prompt: 'a lamp' }], parameters: { sampleCount: 1 } },
    ];
    for (const body of bodies) expect([body, promptOf(body)]).toEqual([body, expect.stringMatching(/^[0-9a-f]{16}$/)]);
  });

  it('is the same whenever the same is asked for, whatever the seed', () => {
    const same = promptOf({ prompt: 'a lamp', size: '512x512', seed: 1 });
    expect(promptOf({ prompt: ' a  lamp\n', size: '512x512', seed: 2, user: 'anna', n: 1 })).toBe(same);
    expect(promptOf({ prompt: 'a lamp', size: '512x768' })).not.toBe(same);
    expect(promptOf({ prompt: 'a lamp', size: '512x512', negative_prompt: 'blurry' })).not.toBe(same);
    expect(promptOf({ prompt: 'a lamb', size: '512x512' })).not.toBe(same);
  });

  it('is nowhere in what is no JSON, compressed, a graph, or several requests in one', () => {
    const none: readonly unknown[] = [
      'a lamp',
      '[1]',
      '"x"',
      {},
      { prompt: '  ' },
      { prompt: { '3': { class_type: 'KSampler', inputs: {} } } },
      { inputs: [{ name: 'prompt', data: ['a lamp'] }] },
      { instances: [{ prompt: 'a' }, { prompt: 'b' }] },
    ];
    for (const body of none) expect([body, read(body)]).toEqual([body, 'no-prompt']);
    expect(read({ prompt: 'a lamp' }, { 'content-encoding': 'gzip' })).toBe('no-prompt');
    expect(read({ prompt: 'a lamp' }, { 'content-type': 'text/plain' })).toBe('no-prompt');
  });

  it('makes no pair where somebody would be called twice', () => {
    expect(read({ prompt: 'a lamp', webhook: 'https://example.org' })).toBe('side-effects');
    expect(read({ input: { prompt: 'a lamp', callback_url: 'https://example.org' } })).toBe('side-effects');
    expect(read({ prompt: 'a lamp' }, {}, '/v1/x?fal_webhook=https://example.org')).toBe('side-effects');
    expect(read({ prompt: 'a lamp' }, { prefer: 'respond-async' })).toBe('side-effects');
    expect(read({ prompt: 'a lamp', options: [{ webhook_url: 'https://example.org' }] })).toBe('side-effects');
    expect(read({ prompt: 'a lamp', notifyHook: 'https://example.org' })).toBe('side-effects');
    expect(read({ prompt: 'a lamp', output: { upload_url: 'https://example.org' } })).toBe('side-effects');
    expect(read({ prompt: 'a lamp' }, { 'x-webhook-url': 'https://example.org' })).toBe('side-effects');
    expect(read({ prompt: 'a webhook', webhook: null })).not.toBe('side-effects');
    expect(read({ prompt: 'a webhook', input_url: 'https://example.org/1.png' })).not.toBe('side-effects');
  });

  it('is not looked for where what is beside it can’t be written', () => {
    const nested = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    expect(read(`{"prompt":"a lamp","image":${nested}}`)).toBe('no-prompt');
  });
});

describe('the seed of a pair', () => {
  it('is the request’s own', () => {
    for (const body of ['{"prompt":"a lamp","seed":18446744073709551557}', '{ "prompt": "a lamp", "seed": [7, 8] }']) {
      expect(sent(body)).toBe(body);
    }
  });

  it('is drawn once for both where the request asks for any', () => {
    expect(sent('{"prompt":"a lamp", "seed": -1, "x":1.50}')).toBe('{"prompt":"a lamp", "seed": 4242, "x":1.50}');
    expect(sent('{"input":{"prompt":"a lamp","seed":-1}}')).toBe('{"input":{"prompt":"a lamp","seed":4242}}');
    expect(sent('{"inputs":"a lamp","parameters":{"seed":-1}}')).toBe('{"inputs":"a lamp","parameters":{"seed":4242}}');
  });

  it('is left to the services where the request has none, since some take a fixed one', () => {
    for (const body of ['{"prompt":"a lamp"}', '{"prompt":"a lamp","seed":null}']) expect(sent(body)).toBe(body);
  });

  it('is put where the order says that requests take one, if they say none', () => {
    expect(put('{"prompt":"a lamp"}', 'seed')).toBe('{"seed":4242,"prompt":"a lamp"}');
    expect(put('{"prompt":"a lamp","seed":null}', 'seed')).toBe('{"prompt":"a lamp","seed":4242}');
    expect(put('{"prompt":"a lamp","seed":-1}', 'seed')).toBe('{"prompt":"a lamp","seed":4242}');
    expect(put('{"inputs":"a lamp"}', 'parameters.seed')).toBe('{"parameters":{"seed":4242},"inputs":"a lamp"}');
    for (const own of ['{"prompt":"a lamp","seed":7}', '{"prompt":"a lamp","seed":[1,2]}']) {
      expect(put(own, 'seed')).toBe(own);
    }
  });

  it('is left alone in a body that is sealed', () => {
    const body = '{"prompt":"a lamp","seed":-1}';
    expect(sent(body, { 'content-digest': 'sha-256=:x:' })).toBe(body);
  });
});
