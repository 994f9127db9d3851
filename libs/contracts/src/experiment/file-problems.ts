import { messageAt } from '../message-at.js';
import type { FilePlace } from './yaml-document.js';

/** What is wrong with an experiment file: where, what was found, what was expected. */
export interface ExperimentFileProblem extends FilePlace {
  readonly file: string;
  readonly path: string;
  readonly message: string;
}

/** An experiment file that can't be used, with every problem that was found in it. */
export class ExperimentFileError extends Error {
  override readonly name = 'ExperimentFileError';
  constructor(readonly problems: readonly ExperimentFileProblem[]) {
    super(problems.map(({ file, line, path, message }) => `${file}:${line}: ${messageAt(path, message)}`).join('\n'));
  }
}

/** Notes a problem at a path of the file. */
export type Complain = (path: readonly PropertyKey[], message: string) => void;
