import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { OutageLog } from './outage-log.js';

afterEach(() => vi.restoreAllMocks());

it('an outage is told when it begins, once a minute and when it is over, however often it is met', () => {
  const told: string[] = [];
  vi.spyOn(Logger.prototype, 'warn').mockImplementation((text: string) => void told.push(text));
  vi.spyOn(Logger.prototype, 'log').mockImplementation((text: string) => void told.push(text));
  let nowMs = 0;
  const outage = new OutageLog('look', () => nowMs);
  outage.worked();
  for (; nowMs < 130_000; nowMs += 100) outage.failed(new Error('no database'));
  outage.worked();
  outage.worked();
  outage.failed(new Error('again'));
  expect(told).toEqual([
    "can't look (tried all the time): no database",
    "can't look for 60 s (tried all the time): no database",
    "can't look for 120 s (tried all the time): no database",
    'can look again, after 130 s',
    "can't look (tried all the time): again",
  ]);
});
