import { describe, expect, it } from 'vitest';
import { PassiveHealth } from './passive-health.js';

/** An upstream's health and the clock that it is looked at by. */
class Watched {
  atMs = 0;
  readonly health = new PassiveHealth({ failures: 3, forMs: 1_000, longestMs: 3_000 }, () => this.atMs);

  fail(times: number): this {
    for (let index = 0; index < times; index += 1) this.health.failed();
    return this;
  }

  mayTryAt(atMs: number): boolean {
    this.atMs = atMs;
    return this.health.mayTry();
  }
}

describe('an upstream', () => {
  it('is left alone after failures in a row, and any answer between them begins anew', () => {
    const watched = new Watched().fail(2);
    watched.health.answered();
    watched.fail(2);
    expect(watched.health.mayTry()).toBe(true);
    expect(watched.health.isEjected).toBe(false);
    watched.fail(1);
    expect(watched.health.mayTry()).toBe(false);
    expect(watched.health.isEjected).toBe(true);
  });

  it('is tried by one request after each pause, and is back with its first answer', () => {
    const watched = new Watched().fail(3);
    expect(watched.mayTryAt(999)).toBe(false);
    expect(watched.mayTryAt(1_000)).toBe(true);
    expect(watched.mayTryAt(1_001)).toBe(false);
    watched.health.answered();
    expect(watched.mayTryAt(1_002)).toBe(true);
    expect(watched.mayTryAt(1_003)).toBe(true);
  });

  it('is left alone for twice as long each time, up to the longest', () => {
    const watched = new Watched().fail(3);
    expect(watched.mayTryAt(1_000)).toBe(true);
    watched.fail(1);
    expect(watched.mayTryAt(2_999)).toBe(false);
    expect(watched.mayTryAt(3_000)).toBe(true);
    watched.fail(1);
    // Four seconds would be longer than the longest.
    expect(watched.mayTryAt(5_999)).toBe(false);
    expect(watched.mayTryAt(6_000)).toBe(true);
  });

  it('has ten failures a second counted of the requests that go on without it', () => {
    const watched = new Watched();
    const countedAt = (atMs: number): number => {
      watched.atMs = atMs;
      return Array.from({ length: 25 }, () => watched.health.countsFailure()).filter(Boolean).length;
    };
    expect([countedAt(5_000), countedAt(5_999), countedAt(6_000)]).toEqual([10, 0, 10]);
  });
});
