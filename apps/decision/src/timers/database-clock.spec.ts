import { expect, it } from 'vitest';
import { DatabaseClock } from './database-clock.js';

it("a host's clock that is wrong or jumps moves no deadline: the database's counts", async () => {
  let steadyMs = 1_000;
  let databaseMs = 1_790_000_000_000;
  const database = {
    query: async <Row extends object>(): Promise<Row[]> => {
      steadyMs += 20;
      return [{ nowMs: databaseMs }] as unknown as Row[];
    },
  };
  const clock = new DatabaseClock(database, { nowMs: () => 5 }, () => steadyMs);
  expect(clock.nowMs()).toBe(5);
  await clock.look();
  expect(clock.nowMs()).toBe(databaseMs + 10);
  steadyMs += 500;
  expect(clock.nowMs()).toBe(databaseMs + 510);
  databaseMs += 60_000;
  await clock.look();
  expect(clock.nowMs()).toBe(databaseMs + 10);
});
