/**
 * Assignments per second in one thread, beside the two SDKs that people assign with elsewhere: GrowthBook's and flagd's evaluator, where they are
 * installed. Each draws 5 % for a candidate by the unit's name and answers with the variant and the reason. Per second of CPU; the best of several rounds counts,
 * since other processes only ever slow one down.
 *
 *   npm install --no-save @growthbook/growthbook@1.8.0 @openfeature/flagd-core@4.0.1 @openfeature/core@1.12.0
 *   npx tsx --conditions teststrip-source lab/bench/assignment.ts [seconds=1] [rounds=5]
 */
import { assign, prepareRules } from '#libs/assignment';

type Draw = (unit: string) => unknown;

/** So many names, so that no answer can be remembered by a small cache. */
const UNITS = Array.from({ length: 65_536 }, (_, index) => `user-${index}-7f3a`);

const [secondsText = '1', roundsText = '5'] = process.argv.slice(2);
const roundMs = Number(secondsText) * 1000;
const rounds = Number(roundsText);

const rules = prepareRules({
  experiment: 'cheaper-sampler',
  revision: 1,
  epoch: 3,
  stage: 1,
  control: 'control',
  variants: ['control', 'candidate'],
  weightsPpm: { control: 950_000, candidate: 50_000 },
  audience: [],
});

const contenders: readonly (readonly [string, Draw | undefined])[] = [
  ['Teststrip', (unit) => assign(rules, { unit, attributes: {} })],
  ['GrowthBook SDK', await growthBook()],
  ['flagd-core', await flagd()],
];

const best = new Map<string, number>();
for (let round = 0; round < rounds; round += 1) {
  for (const [name, draw] of contenders) {
    if (draw) best.set(name, Math.max(best.get(name) ?? 0, perSecond(draw)));
  }
}
const own = best.get('Teststrip') ?? NaN;
for (const [name] of contenders) {
  const found = best.get(name);
  const told = found
    ? `${(found / 1e6).toFixed(2)} M/s, ${(own / found).toFixed(2)} of it is ours`
    : 'not installed; see the head of this file';
  process.stdout.write(`${name}: ${told}\n`);
}

/** Of CPU time, that of the garbage collector's threads included: what else the machine does is not counted. */
function perSecond(draw: Draw): number {
  const until = performance.now() + roundMs;
  const before = process.cpuUsage();
  let drawn = 0;
  while (performance.now() < until) {
    for (const unit of UNITS) draw(unit);
    drawn += UNITS.length;
  }
  const { user, system } = process.cpuUsage(before);
  return (drawn / (user + system)) * 1e6;
}

async function growthBook(): Promise<Draw | undefined> {
  const sdk = await installed<{ GrowthBookClient: new () => GrowthBookClient }>('@growthbook/growthbook');
  if (!sdk) return undefined;
  const rule = {
    key: 'e',
    hashAttribute: 'id',
    hashVersion: 2,
    variations: ['control', 'candidate'],
    weights: [0.95, 0.05],
  };
  const client = new sdk.GrowthBookClient();
  client.initSync({ payload: { features: { sampler: { defaultValue: 'control', rules: [rule] } } } });
  return (id) => client.evalFeature('sampler', { attributes: { id } });
}

async function flagd(): Promise<Draw | undefined> {
  const sdk = await installed<{ FlagdCore: new () => FlagdCore }>('@openfeature/flagd-core');
  if (!sdk) return undefined;
  const core = new sdk.FlagdCore();
  const bucketBy = { cat: [{ var: '$flagd.flagKey' }, { var: 'targetingKey' }] };
  const targeting = { fractional: [bucketBy, ['control', 95], ['candidate', 5]] };
  const variants = { control: 'control', candidate: 'candidate' };
  const sampler = { state: 'ENABLED', variants, defaultVariant: 'control', targeting };
  core.setConfigurations(JSON.stringify({ flags: { sampler } }));
  const silent = { error: nothing, warn: nothing, info: nothing, debug: nothing };
  return (targetingKey) => core.resolveStringEvaluation('sampler', 'control', { targetingKey }, silent);
}

function nothing(): void {}

interface GrowthBookClient {
  initSync(options: unknown): unknown;
  evalFeature(key: string, context: unknown): unknown;
}

interface FlagdCore {
  setConfigurations(configuration: string): unknown;
  resolveStringEvaluation(key: string, otherwise: string, context: unknown, logger: unknown): unknown;
}

/** They are no dependency of this project. */
async function installed<Sdk>(name: string): Promise<Sdk | undefined> {
  try {
    return (await import(name)) as Sdk;
  } catch {
    return undefined;
  }
}
