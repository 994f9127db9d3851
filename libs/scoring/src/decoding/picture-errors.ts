/** The bytes are no picture, or a broken one: a fact about whoever made it. Trying again never helps. */
export class UndecodablePictureError extends Error {
  override readonly name = 'UndecodablePictureError';
}

/** A picture of a format that no decoder here reads: no fault of whoever made it. Trying again never helps. */
export class UnsupportedPictureError extends Error {
  override readonly name = 'UnsupportedPictureError';
}

/** The picture breaks a limit of this scorer (bytes, pixels). Trying again helps only after the limit was changed. */
export class RefusedPictureError extends Error {
  override readonly name = 'RefusedPictureError';
}
