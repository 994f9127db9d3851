import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import {
  ExperimentFileError,
  type ExperimentFileProblem,
  parseExperiment,
  parseWrittenExperiment,
  type ExperimentSpec,
  type KnownMetric,
} from '#libs/contracts';
import { otherThanText, ProblemException, type ReadRequest } from '#libs/platform';
import { fingerprintOf } from '#libs/telemetry';

/** Header with the name of the file, for messages. */
export const FILE_HEADER = 'teststrip-file';

/** A file as it was read, and a digest of what is written in it: comments, blanks and the order of keys do not matter. */
export interface AppliedFile {
  readonly spec: ExperimentSpec;
  readonly digest: string;
  /** Where a path of the file stands, for what is wrong in it here alone. */
  readonly where: (path: readonly PropertyKey[]) => Omit<ExperimentFileProblem, 'path' | 'message'>;
}

/** By request: who may apply a file is asked of it before anybody applies it. */
const filesRead = new WeakMap<IncomingMessage, AppliedFile>();

/**
 * Reads an experiment from a request, once: YAML or JSON text.
 * @throws ProblemException 422 with file, line and expectation of every problem.
 */
export function readExperimentFile(request: ReadRequest, knownMetrics: readonly KnownMetric[]): AppliedFile {
  const read = filesRead.get(request) ?? readAnew(request, knownMetrics);
  filesRead.set(request, read);
  return read;
}

function readAnew(request: ReadRequest, knownMetrics: readonly KnownMetric[]): AppliedFile {
  const file = fileName(request);
  try {
    const { spec, written, placeOf } =
      request.rawBody === undefined
        ? { spec: parseExperiment(request.body, knownMetrics), written: request.body, placeOf: nowhere }
        : parseWrittenExperiment(textOf(request.rawBody, file), file, knownMetrics);
    return { spec, digest: fingerprintOf({ written }), where: (path) => ({ file, ...placeOf(path) }) };
  } catch (error) {
    throw error instanceof ExperimentFileError ? wrongFile(error) : error;
  }
}

/** In a body that is no text. */
const nowhere = (): { readonly line: number; readonly column: number } => ({ line: 0, column: 0 });

function wrongFile({ message: detail, problems }: ExperimentFileError): ProblemException {
  return new ProblemException({ title: 'The experiment file is wrong', status: 422, detail, problems });
}

/**
 * Files name gates; where they are asked is this installation's.
 * @param known names of gates that it has
 * @throws ProblemException 422 with the line of every name that it has not
 */
export function refuseUnknownGates({ spec, where }: AppliedFile, known: readonly string[]): void {
  const problems = gatesIn(spec).flatMap(({ name, path }): readonly ExperimentFileProblem[] => {
    if (known.includes(name)) return [];
    const message = `unknown gate "${name}"; expected one of those that this installation has (GATES): ${known.join(', ') || 'none'}`;
    return [{ ...where(path), path: path.join('.'), message }];
  });
  if (problems.length > 0) throw wrongFile(new ExperimentFileError(problems));
}

/** Every gate with its place in the file. The stages of `auto` have theirs from one place; a bake has those of the last stage, which it comes before. */
function gatesIn({
  ramp: { kind, stages },
}: ExperimentSpec): readonly { name: string; path: readonly PropertyKey[] }[] {
  const written = kind === 'auto' ? stages.slice(0, 1) : stages;
  return written.flatMap(({ gates = {} }, stage) =>
    (['before', 'after'] as const).flatMap((when) =>
      (gates[when] ?? []).map((name, index) => ({
        name,
        path: ['ramp', kind === 'auto' ? 'auto' : stage, 'gates', when, index],
      })),
    ),
  );
}

/** @throws ExperimentFileError with the first line that is no UTF-8, or with what the bytes are instead. */
function textOf(bytes: Buffer, file: string): string {
  const other = otherThanText(bytes);
  if (other !== undefined) throw new ExperimentFileError([{ file, line: 1, column: 1, path: '', message: other }]);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    const line = linesOf(bytes).findIndex((part) => !isUtf8(part)) + 1;
    throw new ExperimentFileError([{ file, line, column: 1, path: '', message: 'not UTF-8: expected text in UTF-8' }]);
  }
}

function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start <= bytes.length;) {
    const end = bytes.indexOf('\n', start);
    lines.push(bytes.subarray(start, end === -1 ? bytes.length : end));
    start = end === -1 ? bytes.length + 1 : end + 1;
  }
  return lines;
}

function fileName(request: IncomingMessage): string {
  const given = request.headers[FILE_HEADER];
  return typeof given === 'string' && given !== '' ? given : '(request)';
}
