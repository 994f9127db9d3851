import type { IncomingMessage } from 'node:http';
import { ExperimentFileError, parseExperiment, parseExperimentFile, type ExperimentSpec } from '#libs/contracts';
import { ProblemException } from '#libs/platform';

/** Header with the name of the file, for messages. */
export const FILE_HEADER = 'teststrip-file';

export type ExperimentRequest = IncomingMessage & {
  /** What a body parser made of a JSON body, and the bytes it read where it kept them. */
  readonly body?: unknown;
  readonly rawBody?: Buffer;
};

const LARGEST_FILE_BYTES = 256 * 1024;

/**
 * Reads an experiment from a request: YAML or JSON text.
 * @throws ProblemException 422 with file, line and expectation of every problem; 413 when it is too long to be one.
 */
export async function readExperimentFile(
  request: ExperimentRequest,
  knownMetrics: readonly string[],
): Promise<ExperimentSpec> {
  const text = request.rawBody?.toString('utf8') ?? (await unreadText(request));
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

/** The body, unless a parser has read it already. */
async function unreadText(request: ExperimentRequest): Promise<string | undefined> {
  if (request.readableEnded || request.complete) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST_FILE_BYTES) {
      throw new ProblemException({
        title: 'Too long',
        status: 413,
        detail: `An experiment file has at most ${LARGEST_FILE_BYTES} bytes`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function fileName(request: IncomingMessage): string {
  const given = request.headers[FILE_HEADER];
  return typeof given === 'string' && given !== '' ? given : '(request)';
}
