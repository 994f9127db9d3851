import { describe, expect, it } from 'vitest';
import {
  decodeRecent,
  encodeRecent,
  mergeRecentOutcomes,
  noteOutcome,
  recentRequests,
  type RecentOutcomes,
} from './recent-outcomes.js';

const START_MS = 1_790_000_000_000;

/** One request a second from one second to before another; those of `fails` fail. */
function noted(from: number, to: number, fails: (second: number) => boolean, each = 1): RecentOutcomes {
  const recent: RecentOutcomes = new Map();
  for (let second = from; second < to; second += 1)
    for (let request = 0; request < each; request += 1)
      noteOutcome(recent, 'control', fails(second), START_MS + second * 1_000);
  return recent;
}

describe('recent requests', () => {
  it('are those of the last minute, however many failed or succeeded before', () => {
    const recent = noted(0, 1_000, (second) => second >= 940, 10);
    expect(recentRequests(recent, 'control', START_MS + 999_500)).toEqual({
      seconds: 60,
      requests: 600,
      failures: 600,
    });
    expect(recentRequests(recent, 'candidate', START_MS + 999_500)).toBeNull();
  });

  it('reach further back where a minute holds few, and never to what is long over', () => {
    const recent = noted(0, 200, (second) => second < 100);
    expect(recentRequests(recent, 'control', START_MS + 199_500)).toEqual({ seconds: 100, requests: 100, failures: 0 });
    expect(recentRequests(recent, 'control', START_MS + 700_000)).toEqual({ seconds: 600, requests: 99, failures: 0 });
    expect(recentRequests(recent, 'control', START_MS + 900_000)).toBeNull();
  });

  it('are not told by failures alone, which come at once, while the first answers are awaited', () => {
    const recent = noted(0, 60, (second) => second < 10);
    const at = (second: number) => recentRequests(recent, 'control', START_MS + second * 1_000);
    expect(
      recentRequests(
        noted(0, 9, () => true),
        'control',
        START_MS + 9_000,
      ),
    ).toBeNull();
    expect(at(59)).toEqual({ seconds: 60, requests: 40, failures: 0 });
    // Half a minute without any answer is no wait for the first.
    const never = noted(0, 31, () => true);
    expect(recentRequests(never, 'control', START_MS + 29_000)).toBeNull();
    expect(recentRequests(never, 'control', START_MS + 30_000)).toMatchObject({ failures: 31 });
  });

  it('are the same from parts as from the whole, and from what was stored', () => {
    const whole = noted(0, 500, (second) => second % 3 === 0, 2);
    const parts = mergeRecentOutcomes(
      noted(0, 500, (second) => second % 3 === 0),
      noted(0, 500, (second) => second % 3 === 0),
    );
    expect(encodeRecent(parts)).toEqual(encodeRecent(whole));
    expect(decodeRecent(JSON.parse(JSON.stringify(encodeRecent(whole))))).toEqual(whole);
  });
});
