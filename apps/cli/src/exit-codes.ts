/** What the process ends with; pipelines go by it, and `docs/cli.md` lists it. 130 is that of shells. */
export const exitCodes = {
  done: 0,
  /** It ended otherwise than was waited for, two files differ, or a decision does not follow from its log. */
  otherwise: 1,
  /** Wrong options, or a file that can't be used. */
  usage: 2,
  timedOut: 3,
  /** The server answered, and refused. */
  refused: 4,
  /** No answer came, none that is Teststrip's, or one that there is none at present. */
  unreachable: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What the exit codes mean, for help and documentation. */
export const exitCodesInWords: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [exitCodes.done, 'done; `wait`: what was waited for has come'],
  [
    exitCodes.otherwise,
    'ended otherwise, or another revision took its place (`wait`, `apply --wait`), something would change (`diff --exit-code`), not identical (`replay`)',
  ],
  [exitCodes.usage, 'wrong usage, or a file that is wrong'],
  [exitCodes.timedOut, 'timed out'],
  [exitCodes.refused, 'refused by the server: not allowed, unknown, or not in this state'],
  [exitCodes.unreachable, 'the server could not be reached, or can’t answer at present (429, 502, 503, 504)'],
  [exitCodes.interrupted, 'interrupted by Ctrl-C'],
];

/** Ends the command with a message for people and a code for pipelines; never with a stack. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message);
  }
}
