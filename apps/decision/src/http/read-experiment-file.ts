import type { IncomingMessage } from 'node:http';
import { ExperimentFileError, parseExperiment, parseExperimentFile, type ExperimentSpec } from '#libs/contracts';
import { ProblemException, type ReadRequest } from '#libs/platform';

/** Header with the name of the file, for messages. */
export const FILE_HEADER = 'teststrip-file';

/**
 * Reads an experiment from a request: YAML or JSON text.
 * @throws ProblemException 422 with file, line and expectation of every problem.
 */
export function readExperimentFile(request: ReadRequest, knownMetrics: readonly string[]): ExperimentSpec {
  const text = request.rawBody?.toString('utf8');
  try {
    return text === undefined
      ? parseExperiment(request.body, knownMetrics)
      : parseExperimentFile(text, fileName(request), knownMetrics);
  } catch (error) {
    if (!(error instanceof ExperimentFileError)) throw error;
    throw new ProblemException({
      title: 'The experiment file is wrong',
      status: 422,
      detail: error.message,
      problems: error.problems,
    });
  }
}

function fileName(request: IncomingMessage): string {
  const given = request.headers[FILE_HEADER];
  return typeof given === 'string' && given !== '' ? given : '(request)';
}
