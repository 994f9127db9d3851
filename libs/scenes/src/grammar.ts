import { backgrounds, colours, oppositeOf, places, shapes, sizes, type Scene, type SceneObject } from './scene.js';

export const SCENE_GRAMMAR = [
  'prompt     = object [ "and" object ] "on a" background "background"',
  'object     = "a" size colour shape "at the" place',
  `size       = ${sizes.join(' | ')}`,
  `colour     = ${colours.join(' | ')}`,
  `shape      = ${shapes.join(' | ')}`,
  `place      = ${places.join(' | ')}   (two objects stand at opposite places)`,
  `background = ${backgrounds.join(' | ')}`,
].join('\n');

export const EXAMPLE_PROMPT = 'a small red circle at the left and a large blue star at the right on a sand background';

/** Why a prompt is no scene. `position` counts words from 1. */
export interface PromptProblem {
  readonly prompt: string;
  readonly position: number;
  /** The word found there; null at the end of the prompt. */
  readonly found: string | null;
  readonly expected: readonly string[];
  /** For people: what was wrong, then the grammar and an example. */
  readonly message: string;
}

export type ParsedPrompt =
  | { readonly ok: true; readonly scene: Scene }
  | { readonly ok: false; readonly problem: PromptProblem };

/** Reads a prompt of the scene grammar. Letter case and runs of white space don't matter. O(words). */
export function parsePrompt(prompt: string): ParsedPrompt {
  const reader = new WordReader(prompt);
  try {
    return { ok: true, scene: readScene(reader) };
  } catch (error) {
    if (error instanceof UnexpectedWord) return { ok: false, problem: problemOf(prompt, reader, error.expected) };
    throw error;
  }
}

/** The prompt of a scene: `parsePrompt(formatScene(scene))` gives the scene back. */
export function formatScene(scene: Scene): string {
  return `${scene.objects.map(formatObject).join(' and ')} on a ${scene.background} background`;
}

function formatObject(object: SceneObject): string {
  return `a ${object.size} ${object.colour} ${object.shape} at the ${object.place}`;
}

function readScene(reader: WordReader): Scene {
  const first = readObject(reader, places);
  if (reader.take(['and', 'on']) === 'on') return { objects: [first], background: readBackground(reader) };
  const second = readObject(reader, [oppositeOf(first.place)]);
  reader.take(['on']);
  return { objects: [first, second], background: readBackground(reader) };
}

function readObject(reader: WordReader, allowedPlaces: readonly SceneObject['place'][]): SceneObject {
  reader.take(['a']);
  const size = reader.take(sizes);
  const colour = reader.take(colours);
  const shape = reader.take(shapes);
  reader.take(['at']);
  reader.take(['the']);
  return { size, colour, shape, place: reader.take(allowedPlaces) };
}

function readBackground(reader: WordReader): Scene['background'] {
  reader.take(['a']);
  const background = reader.take(backgrounds);
  reader.take(['background']);
  reader.end();
  return background;
}

class UnexpectedWord extends Error {
  constructor(readonly expected: readonly string[]) {
    super('unexpected word');
  }
}

class WordReader {
  readonly #words: readonly string[];
  #next = 0;

  constructor(prompt: string) {
    this.#words = prompt
      .toLowerCase()
      .split(/\s+/u)
      .filter((word) => word !== '');
  }

  /** Words read so far. */
  get read(): number {
    return this.#next;
  }

  get current(): string | null {
    return this.#words[this.#next] ?? null;
  }

  take<T extends string>(expected: readonly T[]): T {
    const word = expected.find((candidate) => candidate === this.current);
    if (word === undefined) throw new UnexpectedWord(expected);
    this.#next += 1;
    return word;
  }

  end(): void {
    if (this.current !== null) throw new UnexpectedWord(['the end of the prompt']);
  }
}

function problemOf(prompt: string, reader: WordReader, expected: readonly string[]): PromptProblem {
  const position = reader.read + 1;
  const found = reader.current;
  const place = found === null ? 'the prompt ends after' : `word ${position} is "${found}", after`;
  const wanted = expected.length === 1 ? `"${expected[0]}"` : `one of ${expected.join(', ')}`;
  const message =
    `the prompt describes no scene: ${place} ${reader.read} understood words; expected ${wanted}.\n` +
    `Grammar:\n${SCENE_GRAMMAR}\nExample: ${EXAMPLE_PROMPT}`;
  return { prompt, position, found, expected, message };
}
