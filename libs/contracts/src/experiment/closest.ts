/** What is longer is no misspelt name. */
const LONGEST_NAME = 100;

/**
 * The names that are nearest to a misspelt one, nearest first, and only those that differ in at most `mostLetters`: by default those that
 * share at least half of its letters.
 * Distance: Levenshtein’s, by the usual dynamic programme, O(letters²) per name. A name's last step counts too, so that
 * `memoryMiB` is near to `gpu.memoryMiB`.
 */
export function closest(
  wanted: string,
  names: readonly string[],
  most: number,
  mostLetters: number = Math.max(2, wanted.length / 2),
): readonly string[] {
  if (wanted.length > LONGEST_NAME) return [];
  return names
    .map((name) => {
      const lastStep = name.slice(name.lastIndexOf('.') + 1);
      const distance = Math.min(editDistance(wanted, name), editDistance(wanted, lastStep) + 1);
      return { name, distance };
    })
    .filter(({ distance }) => distance <= mostLetters)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** How many letters have to be put in, left out or exchanged to turn one text into the other; case doesn't matter. */
function editDistance(a: string, b: string): number {
  const left = a.toLowerCase();
  const right = b.toLowerCase();
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const exchanged = (row[j - 1] as number) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(exchanged, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[right.length] as number;
}
