import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documented, readConfig, variables } from '#libs/platform';
import { operationsNamedOnly, type Document } from './doors.js';
import { readTally, sumOf, type Tally } from './tally.js';

/** What is asked of one port. */
export interface Fuzzing {
  readonly name: string;
  readonly url: string;
  readonly document: Document;
  readonly token: string;
  /** For files. */
  readonly folder: string;
  /** Requests that are drawn for each operation, about. */
  readonly examples: number;
  readonly seed: number;
  readonly atMostMs: number;
}

export interface Fuzzed {
  readonly name: string;
  readonly tally: Tally;
  /** Why it did not end as it should, or what it found; undefined: nothing is wrong. */
  readonly fault: string | undefined;
}

/** Nothing takes longer: what does hangs. */
const SLOWEST_ANSWER_S = 5;
const TELL_EVERY_MS = 15_000;
/** Whoever does not end when told to is ended. */
const END_WITHIN_MS = 5_000;

/**
 * Every combination of what an experiment file's many fields may be has no end that anybody waits for: of these only as many as are drawn are sent. And nothing
 * is no text that stands in an address: schemathesis would look for it for as long as it may.
 * @returns the configuration of schemathesis that says so
 */
function configuration(document: Document): string {
  const named = operationsNamedOnly(document).map((id) => table(id, 'generation', 'mode = "positive"'));
  return [table('applyExperiment', 'phases.coverage', 'enabled = false'), ...named].join('\n');
}

function table(operationId: string, section: string, setting: string): string {
  return `[[operations]]\ninclude-operation-id = "${operationId}"\n[operations.${section}]\n${setting}\n`;
}

/** Has schemathesis send what the description of a port allows, and what it does not, and looks at each answer. */
export async function fuzz(fuzzing: Fuzzing): Promise<Fuzzed> {
  const { name, url, document, token, folder, examples, seed, atMostMs } = fuzzing;
  const [described, config, report] = ['json', 'toml', 'ndjson'].map((ext) =>
    join(folder, `${name}-${seed}.${ext}`),
  ) as [string, string, string];
  await writeFile(described, JSON.stringify(document));
  await writeFile(config, configuration(document));
  const telling = setInterval(() => void tellProgress(name, report), TELL_EVERY_MS);
  const code = await run(folder, atMostMs, [
    `--config-file=${config}`,
    'run',
    described,
    `--url=${url.replace(/\/$/, '')}`,
    `--header=Authorization: Bearer ${token}`,
    '--checks=not_a_server_error,status_code_conformance',
    `--max-response-time=${SLOWEST_ANSWER_S}`,
    '--phases=examples,coverage,fuzzing',
    '--mode=all',
    `--max-examples=${examples}`,
    `--seed=${seed}`,
    '--continue-on-failure',
    '--no-shrink',
    '--generation-database=none',
    '--suppress-health-check=all',
    '--warnings=off',
    `--request-timeout=${SLOWEST_ANSWER_S * 4}`,
    '--report=ndjson',
    `--report-ndjson-path=${report}`,
    '--no-color',
  ]).finally(() => clearInterval(telling));
  const tally = existsSync(report) ? await readTally(report) : new Map();
  return { name, tally, fault: faultOf(code) };
}

function faultOf(code: number | string): string | undefined {
  if (code === 0) return undefined;
  if (code === 1) return 'answers that are not described, 5xx or too slow, see above';
  return `schemathesis ended with ${code}`;
}

async function tellProgress(name: string, report: string): Promise<void> {
  if (existsSync(report)) process.stdout.write(`${name}: ${sumOf(await readTally(report))} requests so far\n`);
}

/** @returns exit code or signal */
async function run(cwd: string, atMostMs: number, args: readonly string[]): Promise<number | string> {
  const { SCHEMATHESIS } = readConfig({
    SCHEMATHESIS: documented(variables.text.default('schemathesis'), 'Command line of schemathesis 4.'),
  });
  const [command = '', ...before] = SCHEMATHESIS.split(' ');
  const child = spawn(command, [...before, ...args], { cwd, stdio: 'inherit' });
  const late = setTimeout(() => {
    process.stderr.write(`it takes longer than ${atMostMs / 60_000} minutes and is ended\n`);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS).unref();
  }, atMostMs);
  return new Promise((resolve, reject) => {
    child.once('error', ({ message }) => {
      clearTimeout(late);
      const how = '"pip install schemathesis" installs it; SCHEMATHESIS says where it is';
      reject(new Error(`${message}: ${how}`));
    });
    child.once('close', (code, signal) => {
      clearTimeout(late);
      resolve(code ?? signal ?? 1);
    });
  });
}
