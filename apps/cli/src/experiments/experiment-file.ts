import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { CommandFailure, exitCodes } from '../exit-codes.js';

const STANDARD_INPUT = '-';
const STDIN = 0;

export function fileOption(): Option {
  return new Option('-f, --file <path>', 'the experiment file; - reads standard input').makeOptionMandatory();
}

/** What is read, and what it is called in messages. */
export interface ReadFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** @throws CommandFailure where there is none, or it can't be read. */
export function readFileOrInput(path: string): ReadFile {
  try {
    if (path === STANDARD_INPUT) return { name: '(standard input)', bytes: readFileSync(STDIN) };
    return { name: path, bytes: readFileSync(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailure(
      exitCodes.usage,
      `${path}: can't be read (${REASONS[code ?? ''] ?? code ?? String(error)})`,
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'its permissions forbid it',
};
