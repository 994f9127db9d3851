/** A model directory can't be used: which file, what is wrong with it, what was expected. */
export class ModelDirectoryError extends Error {
  override readonly name = 'ModelDirectoryError';
}
