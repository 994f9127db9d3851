import { collectGarbage } from './collect-garbage.js';

const COLLECT_EVERY_MS = 20;
const HURRIED_MS = 900;

/**
 * What comes of waiting for somebody, while memory is collected all the time: a limit that nothing holds is forgotten then.
 * @param limitMs the limit as the code has it; here it takes a fraction of a second
 */
export async function whileGarbageIsCollected<Outcome>(
  limitMs: number,
  wait: () => Promise<Outcome>,
): Promise<Outcome> {
  const real = globalThis.setTimeout;
  const hurried = (run: (...given: unknown[]) => void, ms?: number, ...given: unknown[]): NodeJS.Timeout =>
    real(run, ms === limitMs ? HURRIED_MS : ms, ...given);
  globalThis.setTimeout = Object.assign(hurried, { __promisify__: real.__promisify__ }) as typeof setTimeout;
  const collecting = setInterval(collectGarbage, COLLECT_EVERY_MS);
  try {
    return await wait();
  } finally {
    clearInterval(collecting);
    globalThis.setTimeout = real;
  }
}
