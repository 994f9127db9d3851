/** Work was given up because somebody ended the command: nobody has to be told why. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  override readonly message = 'Interrupted.';
}
