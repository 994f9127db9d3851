import { afterEach, expect, it, vi } from 'vitest';
import { createLogger } from './logger.js';

afterEach(() => vi.restoreAllMocks());

/** What a logger for people writes. */
function written(write: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  const take = (piece: string | Uint8Array): boolean => {
    text += piece.toString();
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  write(createLogger({ LOG_LEVEL: 'debug', LOG_FORMAT: 'text' }, 'test'));
  vi.restoreAllMocks();
  return text;
}

const FORGED = 'fine\n[teststrip] 1  - 1/1/2026, 1:00:00 PM     LOG [decision] rolled back\r\u001b[2J\u009b1A\u202e';

it.each([
  ['a text', FORGED],
  ['an error', new Error(FORGED)],
  ['an error in an object', { error: new Error(FORGED) }],
])('one entry of a log for people is one, and moves no cursor, whatever stands in %s', (_what, message) => {
  const text = written((logger) => {
    logger.log(message);
    logger.warn(message, 'context');
    logger.error(message, new Error(FORGED).stack, 'context');
  });
  expect(text.match(/^\[teststrip\] \d+ /gm)).toHaveLength(3);
  for (const sign of '\r\u001b\u009b\u202e') expect(text).not.toContain(sign);
  expect(text).toContain('\\u001b[2J');
});

it('a stack stays readable', () => {
  expect(written((logger) => logger.error(new Error('it broke').stack))).toMatch(/Error: it broke\n +at .+:\d+:\d+/);
});
