import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from 'simple-statistics';

/** What a benchmark was asked for: its numbers, and a checkout of before to be compared with. */
export interface Asked {
  readonly numbers: readonly number[];
  readonly before: string | undefined;
  readonly rounds: number;
}

/** Reads `[number …] [--before FOLDER] [--rounds 5]`. */
export function asked(): Asked {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { before: { type: 'string' }, rounds: { type: 'string', default: '5' } },
  });
  return { numbers: positionals.map(Number), before: values.before, rounds: Number(values.rounds) };
}

/** What is measured under another name now than before; the rest goes by its own name. */
const WAS: Readonly<Record<string, string>> = {
  'betting within nested bounds, a ramp': 'betting, 9 margins of a ramp',
};

/**
 * Runs the benchmark of a compiled checkout of before and this one by turns, each in a process of its own, and prints the medians of every figure
 * with their ratio. By turns, so that what else the machine does meets both alike.
 * @param url of the benchmark's module.
 */
export function printBesideBefore(url: string, { before, numbers, rounds }: Asked): void {
  const here = fileURLToPath(url);
  const there = benchOf(before ?? '', basename(here));
  const figures = { before: new Map<string, number[]>(), now: new Map<string, number[]>() };
  for (let round = 0; round < rounds; round++) {
    addFigures(figures.before, there, numbers);
    addFigures(figures.now, here, numbers);
  }
  for (const [name, values] of figures.now) {
    const [label = '', unit = ''] = name.split(' | ');
    const known = figures.before.get(name) ?? figures.before.get(`${WAS[label]} | ${unit}`);
    const now = median(values);
    const beside = known ? `${median(known).toFixed(2)} → ${now.toFixed(2)} ${unit}` : `${now.toFixed(2)} ${unit}, new`;
    process.stdout.write(`${label}: ${beside}${known ? `, ${(now / median(known)).toFixed(2)} ×` : ''}\n`);
  }
}

function benchOf(folder: string, name: string): string {
  const places = [join(folder, 'dist-lab/lab/bench', name), join(folder, 'dist-lab/bench', name)];
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new Error(`--before ${folder}: expected one of ${places.join(', ')}; compile it first`);
  return found;
}

/** Figures are what stands before a unit; what a line is about stands before its colon. */
function addFigures(figures: Map<string, number[]>, bench: string, numbers: readonly number[]): void {
  const printed = execFileSync(process.execPath, [bench, ...numbers.map(String)], { encoding: 'utf8' });
  for (const line of printed.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon === -1) continue;
    const label = line.slice(0, colon).replace(/\d+ metrics/, 'all metrics');
    for (const [, value, unit] of line.slice(colon).matchAll(/([\d.]+) (µs|ns|ms|bytes)/g)) {
      const name = `${label} | ${unit}`;
      figures.set(name, [...(figures.get(name) ?? []), Number(value)]);
    }
  }
}
