import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { format } from 'oxfmt';
import type { Extent } from './run-cell.js';
import type { TaskResult } from './tasks.js';

/** Results of other code than this are not continued. */
const LAYOUT = 1;

/** What is kept between runs of the command: what was asked for, and the tasks that are done. */
export interface StoredResults {
  readonly layout: number;
  readonly extent: Extent;
  readonly workers: number;
  /** Wall-clock seconds over all runs of the command that contributed. */
  readonly seconds: number;
  /** By task id. */
  readonly results: Readonly<Record<string, TaskResult>>;
}

/** Null where there are none. */
export function readResults(path: string): StoredResults | null {
  if (!existsSync(path)) return null;
  const stored = JSON.parse(readFileSync(path, 'utf8')) as StoredResults;
  return stored.layout === LAYOUT ? stored : null;
}

export function emptyResults(extent: Extent, workers: number): StoredResults {
  return { layout: LAYOUT, extent, workers, seconds: 0, results: {} };
}

/** What is known so far, quickly. */
export function keepResults(path: string, stored: StoredResults): void {
  replaceFile(path, JSON.stringify(stored));
}

/** What is known in the end, in an order of its own and laid out to be compared. */
export async function writeResults(path: string, stored: StoredResults): Promise<void> {
  const results = Object.fromEntries(Object.entries(stored.results).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { code } = await format(path, JSON.stringify({ ...stored, results }), { printWidth: 120 });
  replaceFile(path, code);
}

/** Whole or not at all: an interrupted write leaves the previous file. */
function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}
