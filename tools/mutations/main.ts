/**
 * Whether the specs notice when a rule is broken: breaks one after another, runs the specs that should fail then, and says which do not.
 *
 *   npm run mutations -- [text …]
 *
 * With texts only those whose description or file has one of them. Ends with code 1 where a broken rule was noticed by none of its specs, or its text is gone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { mutated, type Mutation } from './mutation.js';
import { MUTATIONS } from './mutations.js';

/** `gone`: its text is not there any more. `no code`: what it makes is none. `not loaded`: its specs never load the file. */
type Fate = 'killed' | 'survived' | 'not loaded' | 'gone' | 'no code';

const texts = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'teststrip-mutations-'));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const chosen = [...MUTATIONS.entries()].filter(([, one]) => isAsked(one));

try {
  process.exitCode = run() ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @returns whether every broken rule was noticed */
function run(): boolean {
  const specs = [...new Set(chosen.flatMap(([, one]) => one.specs))];
  say(`${chosen.length} of ${MUTATIONS.length} rules, ${specs.length} specs; first with nothing broken`);
  if (!passes(specs)) {
    say('Specs fail with nothing broken: mend them first.');
    return false;
  }
  const fates = chosen.map(([index, mutation]) => {
    const fate = fateOf(index, mutation);
    say(`${fate.padEnd(10)}  ${mutation.breaks} (${mutation.file})`);
    return fate;
  });
  const killed = fates.filter((fate) => fate === 'killed').length;
  say(`${killed} of ${fates.length} killed`);
  return killed === fates.length;
}

function isAsked({ breaks, file }: Mutation): boolean {
  return texts.length === 0 || texts.some((text) => `${breaks} ${file}`.includes(text));
}

function fateOf(index: number, mutation: Mutation): Fate {
  const source = mutated(readFileSync(mutation.file, 'utf8'), mutation);
  if (source === undefined) return 'gone';
  if ((ts.transpileModule(source, { reportDiagnostics: true }).diagnostics ?? []).length > 0) return 'no code';
  const seen = join(folder, `seen-${index}`);
  const isNoticed = !passes(mutation.specs, { TESTSTRIP_MUTATION: String(index), TESTSTRIP_MUTATION_SEEN: seen });
  if (!existsSync(seen)) return 'not loaded';
  return isNoticed ? 'killed' : 'survived';
}

function passes(specs: readonly string[], broken: Readonly<Record<string, string>> = {}): boolean {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'tools/mutations/vitest.config.ts'];
  const options = ['--project', 'unit', '--bail', '1', '--maxWorkers', '1', ...specs];
  const { status } = spawnSync(process.execPath, [...vitest, ...options], {
    env: { ...process.env, ...broken },
    stdio: 'ignore',
  });
  return status === 0;
}
