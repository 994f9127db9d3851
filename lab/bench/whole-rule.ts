/**
 * The whole rule, simulated: how many requests until a candidate is promoted or rolled back by itself, and how many of them it
 * answered. Every event goes through the evidence as in production, over several partitions.
 *
 *   npx tsx --conditions teststrip-source lab/bench/whole-rule.ts [runs=20] [partitions=4]
 */
import type { Behaviour } from '../../libs/evidence/test/simulated-traffic.js';
import { type Ending, playWholeRule } from '../../libs/evidence/test/whole-rule.js';

const scenarios: Readonly<Record<string, Behaviour>> = {
  identical: {},
  '20 % cheaper': { costFactor: 0.8 },
  'alignment -3.3 %': { alignment: 0.29 },
  'alignment -10 %': { alignment: 0.27 },
  '5 % wrong pictures': { wrongShare: 0.05 },
  '20 % wrong pictures': { wrongShare: 0.2 },
  'latency +30 %': { latencyFactor: 1.3 },
  'latency x2': { latencyFactor: 2 },
  'errors 2.5 %': { errorRate: 0.025 },
  'errors 3 %': { errorRate: 0.03 },
  'errors 10 %': { errorRate: 0.1 },
  'cost +15 %': { costFactor: 1.15 },
};

const runs = Number(process.argv[2] ?? 20);
const partitions = Number(process.argv[3] ?? 4);
console.log(`${runs} runs, ${partitions} partitions; requests / of them shown the candidate`);
for (const [name, candidate] of Object.entries(scenarios)) {
  const cells = [10_000, 50_000].map((fromPpm) => summarise(fromPpm, candidate));
  console.log(`${name.padEnd(20)} from 1 %: ${cells[0]}   from 5 %: ${cells[1]}`);
}

function summarise(fromPpm: number, candidate: Behaviour): string {
  const endings = Array.from({ length: runs }, (_, index) =>
    playWholeRule({ seed: index + 1, fromPpm, partitions, candidate }),
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
