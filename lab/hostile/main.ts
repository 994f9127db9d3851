/**
 * Gives the scorer a thousand pictures as those who mean no good, and those who have bad luck, announce them, from four hosts of which one
 * lies and one hangs: each must get its row or go to the dead letters, in bounded memory, and no good picture may wait for a bad one.
 *
 *   npm run hostile -- [count=1000] [seed=1]
 */
import { seededRandom } from '#libs/scenes';
import { hostileCases } from './cases.js';
import { findingsOf, lastGoodMs } from './findings.js';
import { playHostile } from './play.js';

const MIB = 1024 * 1024;
const count = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? 1);

const random = seededRandom(seed);
const cases = await hostileCases(count, () => random.uniform());
const run = await playHostile(cases, {
  modelDirectory: 'models/scenes-clip',
  timeoutMs: 5_000,
  deadlineMs: 10_000,
  maxBytes: 64 * MIB,
});
const outcomes = new Map<string, number>();
for (const [row] of run.rows.values()) {
  const { outcome } = row!.data;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
console.log(`${count} pictures, seed ${seed}: ${[...outcomes].map(([name, times]) => `${name} ${times}`).join(', ')}`);
console.log(`dead letters: ${run.deadLetters} of ${run.malformed} events that are none`);
console.log(`last good picture ${Math.round(lastGoodMs(cases, run))} ms, all ${Math.round(run.tookMs)} ms`);
console.log(
  `memory grew by ${Math.round(run.grownBytes / MIB)} MiB, the thread stood still for ${Math.round(run.longestStillMs)} ms at most`,
);
const findings = findingsOf(cases, run, { goodWithinMs: 60_000, allWithinMs: 120_000, grownBytes: 768 * MIB });
for (const finding of findings) console.error(finding);
process.exitCode = findings.length === 0 ? 0 : 1;
