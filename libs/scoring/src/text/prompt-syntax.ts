/** Files of weights, which say nothing of the picture to a model that hasn't read them. */
const ADDED_WEIGHTS = /<(?:lora|lyco|hypernet):[^<>]*>/giu;
/** Where a front end begins another chunk of 75 tokens. */
const CHUNK_BREAK = /\bBREAK\b/gu;
/** `(word:1.3)`: emphasis by a number. */
const WEIGHTED = /\(([^()[\]]*):\s*[-+]?(?:\d+(?:\.\d+)?|\.\d+)\s*\)/gu;
/** `((word))`: the same without one. */
const DOUBLED = /\(\(([^()]*)\)\)/gu;
/** `[from:to:0.4]`: the prompt changes on the way; what it changes to is there in the end. */
const SCHEDULED = /\[([^()[\]:|]*):([^()[\]:|]*)(?::\s*(?:\d+(?:\.\d+)?|\.\d+)\s*)?\]/gu;
/** `[cow|horse]`: the prompt alternates. */
const ALTERNATING = /\[([^()[\]|]*\|[^()[\]]*)\]/gu;
/** Emphasis is nested, never deep. */
const MOST_NESTED = 8;
/** Brackets that stand for themselves, kept apart from those that are syntax. */
const LITERAL_BRACKETS = ['(', ')', '[', ']'] as const;
const FIRST_PRIVATE_CODE = 0xe000;

/**
 * What a prompt says, without how front ends of Stable Diffusion weigh and schedule its words and without the names of weights that it loads.
 * Brackets that mean nothing there stay as they are.
 */
export function withoutSyntax(prompt: string): string {
  let text = withPlaceholders(prompt).replace(ADDED_WEIGHTS, ' ').replace(CHUNK_BREAK, ' ');
  for (let depth = 0; depth < MOST_NESTED; depth += 1) {
    const before = text;
    text = text
      .replace(WEIGHTED, (_all, words: string) => words.trimEnd())
      .replace(DOUBLED, '$1')
      .replace(ALTERNATING, (_all, words: string) => words.replaceAll('|', ' '))
      .replace(SCHEDULED, scheduled);
    if (text === before) break;
  }
  return withBrackets(text);
}

/** `[to:0.4]` adds, `[from::0.4]` takes away, what is there for most of the time is said. */
function scheduled(_all: string, from: string, to: string): string {
  if (/^(?:\d+(?:\.\d+)?|\.\d+)$/u.test(to.trim())) return from;
  return to.trim() === '' ? from : to;
}

function withPlaceholders(prompt: string): string {
  return prompt.replace(/\\([()[\]])/gu, (_all, bracket: (typeof LITERAL_BRACKETS)[number]) =>
    String.fromCharCode(FIRST_PRIVATE_CODE + LITERAL_BRACKETS.indexOf(bracket)),
  );
}

function withBrackets(text: string): string {
  return text.replace(/[\ue000-\ue003]/gu, (mark) => LITERAL_BRACKETS[mark.charCodeAt(0) - FIRST_PRIVATE_CODE] ?? mark);
}
