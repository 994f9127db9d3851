import { join } from 'node:path';
import type { Command } from 'commander';
import { documented, isLoopback, readConfig, variables, withoutTrailingSlashes } from '#libs/platform';
import { CommandFailure, exitCodes, type ExitCode } from '../../exit-codes.js';
import { outputOption, tell, type OutputForm } from '../../terminal/print.js';
import { tellModel } from '../tell-model.js';
import { BrokenFileError } from './fetch-file.js';
import { ModelFiles, NotServedError } from './model-files.js';
import { progressBar } from './progress-bar.js';
import { pullModel } from './pull-model.js';
import { wantedModel } from './wanted-model.js';

interface PullCommandOptions {
  readonly to?: string;
  readonly revision: string;
  readonly output: OutputForm;
}

/** `teststrip models pull` */
export function addPullCommand(models: Command, signal: AbortSignal): void {
  models
    .command('pull')
    .description('fetches a model: goes on where an earlier attempt ended, and takes nothing that is not what was announced')
    .argument('<model>', 'an id at the hub, the manifest of a model, or a folder with one (of a disk that was carried over)')
    .option('--to <folder>', "where it is put (default: models/ and the model's name)")
    .option('--revision <name>', 'branch, tag or commit at the hub', 'main')
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action((model: string, options: PullCommandOptions) => pull(model, options, signal));
}

const HELP = `
Files come from HF_ENDPOINT (https://huggingface.co), with the token of HF_TOKEN where a model asks for one, through HTTPS_PROXY, HTTP_PROXY
and NO_PROXY. manifest.json in the folder then says where each came from, its size and SHA-256; "teststrip models verify" goes by it.
Without internet: pull where there is some, carry the folder over, and pull it from there.
Examples:
  teststrip models pull openai/clip-vit-base-patch32
  teststrip models pull google/siglip-base-patch16-224 --to /srv/models/siglip
  teststrip models pull /media/disk/clip-vit-base-patch32`;

async function pull(asked: string, { to, revision, output }: PullCommandOptions, signal: AbortSignal): Promise<void> {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = hubSettings();
  warnOfOpenLines(endpoint, token);
  const source = new ModelFiles(token === undefined ? null : { value: token, origin: new URL(endpoint).origin });
  try {
    const model = await wantedModel(asked, source, { endpoint: withoutTrailingSlashes(endpoint), revision }, signal);
    const directory = to ?? join('models', model.name);
    await pullModel(model, { source, directory, signal, progress: progressBar(process.stderr) });
    await tellModel(directory, output);
  } catch (error) {
    throw failureOf(error as NodeJS.ErrnoException);
  } finally {
    await source.close();
  }
}

function warnOfOpenLines(endpoint: string, token: string | undefined): void {
  const { protocol, hostname } = new URL(endpoint);
  if (token === undefined || protocol === 'https:' || isLoopback(hostname)) return;
  tell(`warning: the token is sent to ${endpoint} unencrypted`);
}

function hubSettings() {
  return readConfig({
    HF_ENDPOINT: documented(variables.url.default('https://huggingface.co'), 'Address of the hub that models come from.'),
    HF_TOKEN: documented(variables.text.optional(), 'Who asks the hub.', { secret: true }),
  });
}

function failureOf(error: NodeJS.ErrnoException): Error {
  const code = exitCodeOf(error);
  return code === undefined ? error : new CommandFailure(code, wordsOf(error));
}

const UNREACHED = /^(?:ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|EPIPE|EPROTO|EHOSTUNREACH|ENETUNREACH|UND_ERR_|CERT_|.*_CERT)/;

function exitCodeOf(error: NodeJS.ErrnoException): ExitCode | undefined {
  if (error instanceof CommandFailure) return undefined;
  if (error instanceof NotServedError) return exitCodes.refused;
  if (error.name === 'ModelDirectoryError') return exitCodes.usage;
  if (isFull(error)) return exitCodes.otherwise;
  return error instanceof BrokenFileError || isUnreached(error) ? exitCodes.unreachable : undefined;
}

function wordsOf(error: NodeJS.ErrnoException): string {
  if (isFull(error)) {
    return 'The disk is full: make room, or name another folder with --to. The same command goes on from there.';
  }
  if (!isUnreached(error)) return error.message;
  const otherwise = 'HF_ENDPOINT names another hub, HTTPS_PROXY a proxy; a folder that was carried over needs neither';
  return `The hub can't be reached (${error.message || String(error.code)}). ${otherwise}.`;
}

function isFull({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function isUnreached({ code }: NodeJS.ErrnoException): boolean {
  return UNREACHED.test(code ?? '');
}
