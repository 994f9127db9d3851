/**
 * Does `count` items in pieces of at most `most`. A piece that fails, as it does when the device's memory is full, is done again in
 * halves, and so are the ones after it.
 * @throws what `work` throws for a single item
 */
export async function inPieces(
  count: number,
  most: number,
  work: (from: number, count: number) => Promise<void>,
): Promise<void> {
  let largest = most;
  for (let from = 0; from < count;) {
    const size = Math.min(largest, count - from);
    try {
      await work(from, size);
      from += size;
    } catch (error) {
      if (size === 1) throw error;
      largest = Math.ceil(size / 2);
    }
  }
}
