import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from 'simple-statistics';

/** What a benchmark was asked for: its numbers, a checkout of before to be compared with, and the one it is to measure where that is not its own. */
export interface Asked {
  readonly numbers: readonly number[];
  readonly before: string | undefined;
  readonly of: string | undefined;
  readonly rounds: number;
}

/** Reads `[number …] [--before FOLDER] [--rounds 5]`, and `[--of FOLDER]`. */
export function asked(): Asked {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { before: { type: 'string' }, of: { type: 'string' }, rounds: { type: 'string', default: '5' } },
  });
  return { numbers: positionals.map(Number), before: values.before, of: values.of, rounds: Number(values.rounds) };
}

/** What is measured under another name now than before; the rest goes by its own name. */
const WAS: Readonly<Record<string, string>> = {
  'betting within nested bounds, a ramp': 'betting, 9 margins of a ramp',
};

/** A compiled benchmark and its arguments. */
export type Bench = readonly [file: string, ...rest: readonly string[]];

/**
 * Runs the benchmark of a compiled checkout of before and this one by turns, each in a process of its own, and prints the medians of every figure
 * and of the ratios of the pairs. By turns, so that what else the machine does meets both alike.
 * @param url of the benchmark's module.
 */
export function printBesideBefore(url: string, { before, numbers, rounds }: Asked): void {
  const here = fileURLToPath(url);
  const there = benchOf(before ?? '', basename(here));
  const rest = numbers.map(String);
  printPairs([there, ...rest], [here, ...rest], rounds);
}

/** The same of two benchmarks that print the same figures, as a table. */
export function printPairs(before: Bench, now: Bench, rounds: number): void {
  const figures = { before: new Map<string, number[]>(), now: new Map<string, number[]>() };
  for (let round = 0; round < rounds; round++) {
    addFigures(figures.before, before);
    addFigures(figures.now, now);
  }
  const load = loadavg()[0] as number;
  process.stdout.write(`\n${rounds} pairs, load ${load.toFixed(1)}\n`);
  line('', 'before', 'now', 'now ÷ before');
  for (const [name, values] of figures.now) {
    const [label = '', unit = ''] = name.split(' | ');
    const known = figures.before.get(name) ?? figures.before.get(`${WAS[label]} | ${unit}`) ?? [];
    const ratios = known.map((value, index) => (values[index] as number) / value);
    line(
      label,
      inUnit(known, unit),
      inUnit(values, unit),
      ratios.length === 0 ? 'new' : `${median(ratios).toFixed(2)} ×`,
    );
  }
}

function line(label: string, ...cells: readonly string[]): void {
  process.stdout.write(`${label.padEnd(40)}${cells.map((cell) => cell.padStart(16)).join('')}\n`);
}

function inUnit(values: readonly number[], unit: string): string {
  return values.length === 0 ? '–' : `${median([...values]).toFixed(2)} ${unit}`;
}

/** Of a checkout. */
export function benchOf(folder: string, name: string): string {
  const places = [
    join(folder, 'dist-lab/lab/bench', name),
    join(folder, 'dist-lab/bench', name),
    join(folder, 'dist/bench', name),
  ];
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new Error(`--before ${folder}: expected one of ${places.join(', ')}; compile it first`);
  return found;
}

/** Figures are what stands before a unit; what a line is about stands before its colon. */
function addFigures(figures: Map<string, number[]>, bench: Bench): void {
  const printed = execFileSync(process.execPath, [...bench], { encoding: 'utf8' });
  for (const text of printed.split('\n')) {
    const colon = text.indexOf(': ');
    if (colon === -1) continue;
    const label = text.slice(0, colon).replace(/\d+ metrics/, 'all metrics');
    for (const [, value, unit] of text.slice(colon).matchAll(/([\d.]+) (µs|ns|ms|bytes)/g)) {
      const name = `${label} | ${unit}`;
      figures.set(name, [...(figures.get(name) ?? []), Number(value)]);
    }
  }
}
