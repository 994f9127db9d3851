import { withoutSyntax } from './prompt-syntax.js';

const PLACE = '{prompt}';

/** What is held against a picture of a prompt as somebody wrote it; empty where nothing is left of it. */
export function readPrompt(prompt: string): string {
  return normalisePrompt(withoutSyntax(prompt));
}

/** One form for prompts that read the same: composed Unicode, single blanks, none around. */
export function normalisePrompt(prompt: string): string {
  return prompt.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

/** The text that is embedded for a prompt, e.g. "a clean picture of {prompt}" with the prompt in its place. */
export function fillTemplate(template: string, prompt: string): string {
  const [before, after] = splitTemplate(template);
  return before + prompt + after;
}

/** @throws Error unless the template has the place `{prompt}` exactly once */
export function splitTemplate(template: string): readonly [before: string, after: string] {
  const parts = template.split(PLACE);
  if (parts.length !== 2) {
    throw new Error(`template "${template}" has ${parts.length - 1} times ${PLACE}, expected it exactly once`);
  }
  return [parts[0]!, parts[1]!];
}
