/**
 * Whether the specs notice when a rule is broken: breaks one after another, runs the specs that should fail then, and says which do not.
 *
 *   npm run mutations -- [text …]
 *
 * With texts only those whose description or file has one of them. Ends with code 1 where a broken rule was noticed by none of its specs, or its text is gone.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ts from 'typescript';
import { createVitest, type Vitest } from 'vitest/node';
import { brokenNow, mutated, type Mutation } from './mutation.js';
import { MUTATIONS } from './mutations.js';

/** `gone`: its text is not there any more. `no code`: what it makes is none. `not loaded`: its specs never load the file. */
type Fate = 'killed' | 'survived' | 'not loaded' | 'gone' | 'no code';

const texts = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const chosen = MUTATIONS.filter(isAsked);
const quiet = { onInit: () => undefined };
const vitest = await createVitest('test', {
  config: 'tools/mutations/vitest.config.ts',
  project: ['unit'],
  watch: false,
  bail: 1,
  maxWorkers: 1,
  reporters: [quiet],
});
const areAllKilled = await run(vitest);
await vitest.close();
process.exit(areAllKilled ? 0 : 1);

/** @returns whether every broken rule was noticed */
async function run(specs: Vitest): Promise<boolean> {
  const files = [...new Set(chosen.flatMap(({ specs: own }) => own))];
  say(`${chosen.length} of ${MUTATIONS.length} rules, ${files.length} specs; first with nothing broken`);
  if (!(await passes(specs, files))) {
    say('Specs fail with nothing broken: mend them first.');
    return false;
  }
  let killed = 0;
  for (const mutation of chosen) {
    const fate = await fateOf(specs, mutation);
    say(`${fate.padEnd(10)}  ${mutation.breaks} (${mutation.file})`);
    if (fate === 'killed') killed += 1;
  }
  const isMended = await passes(specs, files);
  say(
    `${killed} of ${chosen.length} killed${isMended ? '' : '; specs still fail with nothing broken: believe none of it'}`,
  );
  return isMended && killed === chosen.length;
}

function isAsked({ breaks, file }: Mutation): boolean {
  return texts.length === 0 || texts.some((text) => `${breaks} ${file}`.includes(text));
}

async function fateOf(specs: Vitest, mutation: Mutation): Promise<Fate> {
  const source = mutated(readFileSync(mutation.file, 'utf8'), mutation);
  if (source === undefined) return 'gone';
  if ((ts.transpileModule(source, { reportDiagnostics: true }).diagnostics ?? []).length > 0) return 'no code';
  const now = brokenNow();
  Object.assign(now, { mutation, isLoaded: false });
  specs.invalidateFile(resolve(mutation.file));
  const isNoticed = !(await passes(specs, mutation.specs));
  const { isLoaded } = now;
  now.mutation = null;
  specs.invalidateFile(resolve(mutation.file));
  if (!isLoaded) return 'not loaded';
  return isNoticed ? 'killed' : 'survived';
}

async function passes(specs: Vitest, files: readonly string[]): Promise<boolean> {
  const found = await specs.globTestSpecifications(files.map((file) => resolve(file)));
  if (found.length < files.length) throw new Error(`some of these are no specs: ${files.join(', ')}`);
  const { testModules, unhandledErrors } = await specs.runTestSpecifications(found);
  return unhandledErrors.length === 0 && testModules.every((module) => module.ok());
}
