import { parseArgs } from 'node:util';
import { simulationRandom } from '#libs/testing/random';
import type { Behaviour } from '#libs/testing/traffic';
import { playShadow, relativeGuardrail, shadowDesign } from './real-traffic/pairs.js';

/**
 * How many pairs of shadow traffic it takes: until harm is found, and until the damage budget allows a share. The evidence that ships, looked
 * at after every pair, at the laws and margins of the whole rule's table; both sides correlate by .7.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '60' },
    pairs: { type: 'string', default: '6000' },
    only: { type: 'string', default: '' },
  },
});
const runs = Number(values.runs);
const mostPairs = Number(values.pairs);

const candidates: Readonly<Record<string, Behaviour>> = {
  identical: {},
  'alignment −3.3 %': { alignment: 0.29 },
  'alignment −10 %': { alignment: 0.27 },
  '5 % of the pictures wrong': { wrongShare: 0.05 },
  '20 % of the pictures wrong': { wrongShare: 0.2 },
  'latency +30 %': { latencyFactor: 1.3 },
  'latency × 2': { latencyFactor: 2 },
  'errors 2.5 %': { errorRate: 0.025 },
  'errors 3 %': { errorRate: 0.03 },
  'errors 5 %': { errorRate: 0.05 },
  'errors 10 %': { errorRate: 0.1 },
  'cost +15 %': { costFactor: 1.15 },
};
/** As many as there are by the time when a tenth of them has made 200 pairs. */
const CONTROL_BEFORE = 2_000;
const SHARES = [50_000, 100_000, 200_000, 500_000];
const design = shadowDesign('beyond-margin', [relativeGuardrail('wrong-pictures', 0.5, 'beyond-margin')]);

process.stdout.write(
  `| candidate | harm found, in so many pairs (median) | allowed before that, after so many pairs (median) |\n|---|---|---|\n`,
);
for (const [name, candidate] of Object.entries(candidates)) {
  if (!new RegExp(values.only).test(name)) continue;
  const harms: number[] = [];
  const allowed = new Map<number, number[]>(SHARES.map((share) => [share, []]));
  for (let run = 1; run <= runs; run++) {
    const reached = new Set<number>();
    playShadow(
      { design, candidate, controlBefore: CONTROL_BEFORE, count: mostPairs, lookEvery: 1 },
      simulationRandom(run),
      (analysis, pairs) => {
        if (analysis.metrics.some(({ verdict }) => verdict === 'harmful')) {
          harms.push(pairs);
          return false;
        }
        for (const share of SHARES) {
          if (reached.has(share) || analysis.allowsPpm < share) continue;
          reached.add(share);
          allowed.get(share)?.push(pairs);
        }
        return reached.size < SHARES.length || name !== 'identical';
      },
    );
  }
  const shares = SHARES.map((share) => `${share / 10_000} %: ${described(allowed.get(share) ?? [])}`);
  process.stdout.write(`| ${name} | ${described(harms)} | ${shares.join(' · ')} |\n`);
}

function described(pairs: readonly number[]): string {
  if (pairs.length === 0) return '0';
  const sorted = [...pairs].sort((a, b) => a - b);
  return `${sorted[Math.floor(sorted.length / 2)]} (${pairs.length} of ${runs})`;
}
