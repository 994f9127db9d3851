/** The bytes are no picture, or a broken one: a fact about whoever made it. Trying again never helps. */
export class UndecodablePictureError extends Error {
  override readonly name = 'UndecodablePictureError';
}

/** The picture breaks a limit of this scorer (bytes, pixels). Trying again helps only after the limit was changed. */
export class RefusedPictureError extends Error {
  override readonly name = 'RefusedPictureError';
}
