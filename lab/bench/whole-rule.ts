/**
 * The whole rule, simulated: how many requests until a candidate is promoted or rolled back by itself, and how many of them it
 * answered. Every event goes through the evidence as in production, over several partitions, and the decider that ships decides.
 *
 *   npx tsx --conditions teststrip-source lab/bench/whole-rule.ts [runs=20] [partitions=4]
 */
import { foldedService } from '#libs/testing/delivery';
import { playExperiment } from '#libs/testing/delivery';
import type { Behaviour } from '#libs/testing/traffic';
import { canaryFrom, candidates, type Ending, endingOf } from '../calibrate/whole-rule.js';

const runs = Number(process.argv[2] ?? 20);
const partitions = Number(process.argv[3] ?? 4);
console.log(`${runs} runs, ${partitions} partitions; requests / of them shown the candidate`);
for (const [name, candidate] of Object.entries(candidates)) {
  const cells = [10_000, 50_000].map((fromPpm) => summarise(fromPpm, candidate));
  console.log(`${name.padEnd(30)} from 1 %: ${cells[0]}   from 5 %: ${cells[1]}`);
}

function summarise(fromPpm: number, candidate: Behaviour): string {
  const definition = canaryFrom(fromPpm);
  const endings = Array.from({ length: runs }, (_, index) =>
    endingOf(playExperiment(foldedService({ seed: index + 1, definition, candidate, partitions }), { definition })),
  );
  const typical = (of: (ending: Ending) => number): string => {
    const sorted = endings.map(of).sort((a, b) => a - b);
    const mean = Math.round(sorted.reduce((sum, value) => sum + value, 0) / runs);
    return `${mean} (median ${sorted[Math.floor(runs / 2)]})`;
  };
  const outcomes = new Map<string, number>();
  for (const { outcome, metric } of endings) {
    const told = metric === null ? outcome : `${outcome} on ${metric}`;
    outcomes.set(told, (outcomes.get(told) ?? 0) + 1);
  }
  const told = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(', ');
  return `${typical(({ requests }) => requests)} / ${typical(({ exposed }) => exposed)}: ${told}`.padEnd(80);
}
