import { expect, it } from 'vitest';
import { rootOf, StoppedWaitingError, untilThere } from './until-there.js';

const ending = new AbortController();

/** A process that starts, and what it says. */
function starting(signal = ending.signal) {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const waiting = { because: say, over: () => say('over'), signal };
  return { said, request: { logger: { log: say, warn: say, error: say }, waiting } };
}

const isRefused = (error: unknown): boolean => rootOf(error).message === 'refused';
async function byWrongPassword(): Promise<string> {
  throw new Error('password authentication failed');
}
const refused = (): Error => new Error('it does not answer: refused', { cause: new Error('refused') });

it('a server that comes late is opened when it is there, and why that took long was told', async () => {
  const { said, request } = starting();
  let attempts = 0;
  const open = async (): Promise<string> => {
    attempts += 1;
    if (attempts < 3) throw refused();
    return 'open';
  };
  expect(await untilThere({ what: 'Postgres at a:1', open, mayCome: isRefused }, request)).toBe('open');
  expect(said).toEqual([
    // For health, and at once for the log, which is not told every time.
    'waiting for Postgres at a:1, tried once: refused',
    'waiting for Postgres at a:1, tried once: refused',
    'waiting for Postgres at a:1, tried 2 times: refused',
    'Postgres at a:1 is there, at attempt 3',
    'over',
  ]);
});

it('what waiting does not mend ends the start at once', async () => {
  const { said, request } = starting();
  await expect(untilThere({ what: 'Postgres', open: byWrongPassword, mayCome: isRefused }, request)).rejects.toThrow(
    'password',
  );
  expect(said).toEqual([]);
});

it('a process that is told to end waits no longer', async () => {
  const told = new AbortController();
  const { request } = starting(told.signal);
  const open = async (): Promise<string> => {
    told.abort();
    throw refused();
  };
  await expect(untilThere({ what: 'Postgres', open, mayCome: isRefused }, request)).rejects.toThrow(
    StoppedWaitingError,
  );
});
