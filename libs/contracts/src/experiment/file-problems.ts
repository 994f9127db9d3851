import { messageAt } from '../message-at.js';
import type { FilePlace } from './yaml-document.js';

/** What is wrong with an experiment file: where, what was found, what was expected. */
export interface ExperimentFileProblem extends FilePlace {
  readonly file: string;
  readonly path: string;
  readonly message: string;
}

/** Problems that are told; nobody mends more at once, and each costs work and words. */
export const MOST_PROBLEMS = 50;

/** An experiment file that can't be used, with the problems that were found in it, the first {@link MOST_PROBLEMS} of them. */
export class ExperimentFileError extends Error {
  override readonly name = 'ExperimentFileError';
  readonly problems: readonly ExperimentFileProblem[];
  /** @param untold how many more were found than are given */
  constructor(found: readonly ExperimentFileProblem[], untold = 0) {
    const problems = found.slice(0, MOST_PROBLEMS);
    const more = found.length - problems.length + untold;
    const lines = problems.map(({ file, line, path, message }) => `${file}:${line}: ${messageAt(path, message)}`);
    super([...lines, ...(more === 0 ? [] : [`and ${more} more`])].join('\n'));
    this.problems = problems;
  }
}

/** Notes a problem at a path of the file. */
export type Complain = (path: readonly PropertyKey[], message: string) => void;
