/** The engine can't compute: its worker did not start, died, or what computes gave an error. Not the pictures' fault. */
export class EngineFailedError extends Error {
  override readonly name = 'EngineFailedError';
}
