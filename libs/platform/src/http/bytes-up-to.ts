/** What an answer holds, which may be without an end; undefined: it is longer. */
export async function bytesUpTo(largestBytes: number, { body }: Response): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > largestBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
