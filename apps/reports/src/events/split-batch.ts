/** The text is no list of JSON objects, wherever it breaks off. */
export class NoListError extends Error {
  override readonly name = 'NoListError';
}

/**
 * The elements of a JSON list as they were written, so that one that is broken in itself costs no other, and numbers keep all of their digits.
 * O(length).
 * @throws NoListError where it is no list, or an element does not end
 */
export function elementsOf(text: string): readonly string[] {
  const body = text.replace(/^\uFEFF/, '').trim();
  if (!body.startsWith('[')) throw new NoListError('expected a JSON list of events');
  const elements: string[] = [];
  let from = 1;
  let depth = 0;
  for (let at = 1; at < body.length; at += 1) {
    const letter = body[at]!;
    if (letter === '"') at = endOfText(body, at);
    else if (letter === '{' || letter === '[') depth += 1;
    else if (letter === ',' && depth === 0) {
      elements.push(body.slice(from, at).trim());
      from = at + 1;
    } else if (letter === '}' || letter === ']') {
      if (depth > 0) depth -= 1;
      else return allOf(body, { elements, from, at });
    }
  }
  throw new NoListError('the list of events does not end');
}

/** @throws NoListError where the text does not end */
function endOfText(body: string, start: number): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === '\\') at += 1;
    else if (body[at] === '"') return at;
  }
  throw new NoListError('a text in the list of events does not end');
}

function allOf(
  body: string,
  { elements, from, at }: { readonly elements: readonly string[]; readonly from: number; readonly at: number },
): readonly string[] {
  if (body[at] !== ']' || at !== body.length - 1) throw new NoListError('something follows the list of events');
  const last = body.slice(from, at).trim();
  return elements.length === 0 && last === '' ? [] : [...elements, last];
}
