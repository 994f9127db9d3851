import type { AbsoluteLimit } from '#libs/contracts';
import { metricCatalogue, metricLimit } from '#libs/evidence';
import { type Arm, initialLimit, normalUpperQuantile, observeLimit, readLimit } from '#libs/statistics';
import type { SimulationRandom } from '#libs/testing/random';
import type { RealTrafficRow } from './row.js';

const THRESHOLD = Math.log(20);
const RAMP = [0.01, 0.05, 0.1, 0.25, 0.5];
const LN_SPREAD = 0.3;
const LOOK_EVERY = 10;
const ARMS: readonly Arm[] = ['control', 'candidate'];

interface Limited {
  readonly limit: AbsoluteLimit;
  /** One value of either variant, of a law that is exactly at the limit. */
  readonly draw: (random: SimulationRandom) => number;
}

const limited: readonly Limited[] = [
  {
    limit: { metric: 'error-rate', kind: 'at-most', value: 0.02 },
    draw: (random) => Number(random.uniform() < 0.02),
  },
  {
    limit: { metric: 'latency-p95', kind: 'at-most', value: 800 * Math.exp(LN_SPREAD * normalUpperQuantile(0.05)) },
    draw: (random) => 800 * Math.exp(LN_SPREAD * random.normal()),
  },
  {
    limit: { metric: 'alignment', kind: 'at-least', value: 0.3 },
    draw: (random) => 0.3 + 0.035 * random.normal(),
  },
];

/**
 * An equal candidate, both variants exactly at their absolute limits: neither "beyond" nor "within" is right, and nobody may be rolled back
 * for a limit. Whether a limit is broken at present is an alarm and no proof, so it is not counted.
 */
export const limits: readonly RealTrafficRow[] = (['50 %', 'a ramp 1 to 50 %'] as const).map((share) => ({
  name: `both variants exactly at their limits, ${share}`,
  run: (requests, random) =>
    play(
      (part) => (share === '50 %' ? 0.5 : (RAMP[Math.min(RAMP.length - 1, Math.floor(part * RAMP.length))] as number)),
      requests,
      random,
    ),
}));

function play(
  shareAt: (part: number) => number,
  requests: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const watched = limited.map(({ limit, draw }) => ({ ...judgedAs(limit), draw, name: limit.metric }));
  const wrong: Record<string, boolean> = { 'rolled back for a limit': false };
  for (const { name } of watched) {
    wrong[`${name}: beyond its limit`] = false;
    wrong[`${name}: within its limit`] = false;
  }
  for (let request = 1; request <= requests; request++) {
    const arm: Arm = random.uniform() < shareAt((request - 1) / requests) ? 'candidate' : 'control';
    const isLook = request % LOOK_EVERY === 0;
    for (const { name, bets, valueOf, draw, evidence, isProven } of watched) {
      observeLimit(evidence[arm], bets, valueOf(draw(random), 1), true);
      if (!isLook) continue;
      for (const of of ARMS) {
        const { lnEBeyond, lnEWithin } = readLimit(evidence[of]);
        isProven[of].beyond ||= lnEBeyond >= THRESHOLD;
        isProven[of].within ||= lnEWithin >= THRESHOLD;
      }
      if (isProven.candidate.beyond) wrong[`${name}: beyond its limit`] = true;
      if (isProven.candidate.within) wrong[`${name}: within its limit`] = true;
      if (isProven.candidate.beyond && isProven.control.within) wrong['rolled back for a limit'] = true;
    }
  }
  return wrong;
}

/** The limit as the metric of the catalogue has it, and what is known of either variant. */
function judgedAs(limit: AbsoluteLimit) {
  const definition = metricCatalogue.find(({ name }) => name === limit.metric);
  if (definition === undefined) throw new RangeError(`no metric "${limit.metric}"`);
  return {
    ...metricLimit(definition, limit),
    evidence: { control: initialLimit(), candidate: initialLimit() },
    isProven: { control: { beyond: false, within: false }, candidate: { beyond: false, within: false } },
  };
}
